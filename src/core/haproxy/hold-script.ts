/** How long a connection may be held at most, ms: HAProxy's own limit, above any hold of ours. */
export const longestHoldMs = 60_000;

/** The script's file name, the same for every group. */
export const holdScriptName = 'dcmha-hold.lua';

/** The action that `listen write` runs for each new connection. */
export const holdAction = 'lua.dcmha_hold';

/**
 * What HAProxy runs (Lua 5.3 and later) so that new connections can be made to wait. While `dcmha hold PORT` is in force, each asks at that
 * loopback port and waits for the answer; a port where nobody answers any more lets it go on. It does not sleep and look again: sleeping
 * Lua tasks are lost now and then on 2.6 with several threads, and `set maxconn frontend` ends with a deadlock there when connections wait.
 */
export const HOLD_SCRIPT = `-- Written by dcmha: makes new connections wait while the primary moves.
local gate = nil

core.register_action("dcmha_hold", { "tcp-req" }, function()
  if gate == nil then return end
  local socket = core.tcp()
  socket:settimeout(${longestHoldMs / 1000})
  if socket:connect("127.0.0.1", gate) then socket:receive("*l") end
  socket:close()
end)

local function tell(applet)
  applet:send(gate == nil and "open\\n" or "held\\n")
end

core.register_cli({ "dcmha", "hold" }, "dcmha hold PORT: new connections wait", function(applet, _, _, port)
  gate = tonumber(port)
  tell(applet)
end)

core.register_cli({ "dcmha", "release" }, "dcmha release: they do not wait any more", function(applet)
  gate = nil
  tell(applet)
end)

core.register_cli({ "dcmha", "held" }, "dcmha held: whether they wait", tell)
`;

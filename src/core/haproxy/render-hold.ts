import {
  addBeforeServers,
  addDirective,
  directives,
  hasDirective,
  withLine,
  type ConfigSection,
} from './config-file.ts';
import { holdAction, holdScriptName, longestHoldMs } from './hold-script.ts';
import { quoteWord } from './words.ts';

/** `global` that loads the script at `path`, or none of ours without one. */
export function renderHoldScript(section: ConfigSection, path: string | undefined): ConfigSection {
  const ours = directives(section).find(
    ({ words }) => words[0]?.value === 'lua-load' && words[1]?.value.split('/').at(-1) === holdScriptName,
  );
  if (path === undefined) return ours === undefined ? section : withLine(section, ours.index, undefined);
  const line = `lua-load ${quoteWord(path)}`;
  if (ours === undefined) return addDirective(section, line);
  const indent = /^[ \t]*/.exec(section.lines[ours.index]?.text ?? '')?.[0] ?? '';
  return withLine(section, ours.index, indent + line);
}

/**
 * `listen write` whose new connections run the script's action. It may wait only within `inspect-delay`, which costs nothing otherwise; one that
 * stands there already is the operator's.
 */
export function renderHoldAction(section: ConfigSection, canHold: boolean): ConfigSection {
  const ours = directives(section).find(
    ({ words }) => words[0]?.value === 'tcp-request' && words[2]?.value === holdAction,
  );
  if (!canHold) return ours === undefined ? section : withLine(section, ours.index, undefined);
  if (ours !== undefined) return section;
  const delayed = hasDirective(section, 'tcp-request', 'inspect-delay')
    ? section
    : addBeforeServers(section, `tcp-request inspect-delay ${longestHoldMs / 1000}s`);
  return addBeforeServers(delayed, `tcp-request content ${holdAction}`);
}

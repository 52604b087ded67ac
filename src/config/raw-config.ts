/** Settings before they are checked: section -> key -> whatever was written. */
export type RawConfig = Readonly<Record<string, unknown>>;

/** Where a setting was written, by `section.key`: `/etc/dcmha/dcmha.yaml:12`, `environment DCMHA_...`, `flag --...`. */
export type Origins = ReadonlyMap<string, string>;

/** Later ones win, key by key. A section that is no mapping stays as it is, to be refused. */
export function mergeRaw(...layers: readonly RawConfig[]): RawConfig {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const [section, value] of Object.entries(layer)) {
      const before = merged[section];
      // Null is what YAML makes of a section whose keys are all commented out.
      if (value === null && (before === undefined || isMapping(before))) merged[section] = before ?? {};
      else merged[section] = isMapping(before) && isMapping(value) ? { ...before, ...value } : value;
    }
  }
  return merged;
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

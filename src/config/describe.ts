import { z } from 'zod';
import { configSchema } from './schema.ts';

/** One setting, as `dcmha config show` and the README's table print it. */
export interface SettingRow {
  /** `section.key` */
  readonly key: string;
  /** What may be written, in words. */
  readonly type: string;
  /** undefined: not set by default. */
  readonly default: unknown;
  readonly description: string;
  /** The environment variable that sets it. */
  readonly variable: string;
  readonly form: SettingForm;
}

export type SettingForm = 'integer' | 'boolean' | 'text' | 'choice' | 'list';

const leafSchema = z.object({
  type: z.enum(['string', 'integer', 'boolean', 'array']),
  default: z.unknown().optional(),
  description: z.string().default(''),
  enum: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  maximum: z.number().optional(),
});
type Leaf = z.infer<typeof leafSchema>;

const treeSchema = z.object({
  properties: z.record(z.string(), z.object({ properties: z.record(z.string(), leafSchema) })),
});

/** Every setting, in the order of the schema, which is the one place that defines them. */
export function describeConfig(): readonly SettingRow[] {
  const tree = treeSchema.parse(z.toJSONSchema(configSchema, { io: 'input' }));
  return Object.entries(tree.properties).flatMap(([section, { properties }]) =>
    Object.entries(properties).map(([name, leaf]) => ({
      key: `${section}.${name}`,
      type: typeInWords(leaf),
      default: leaf.default,
      description: leaf.description,
      variable: `DCMHA_${upperSnake(section)}_${upperSnake(name)}`,
      form: formOf(leaf),
    })),
  );
}

function formOf({ type, enum: choices }: Leaf): SettingForm {
  if (choices !== undefined) return 'choice';
  if (type === 'string') return 'text';
  return type === 'array' ? 'list' : type;
}

function typeInWords(leaf: Leaf): string {
  switch (formOf(leaf)) {
    case 'choice':
      return `one of ${(leaf.enum ?? []).join(', ')}`;
    case 'integer':
      return integerInWords(leaf);
    case 'boolean':
      return 'true or false';
    case 'list':
      return 'a list of texts';
    case 'text':
      return 'text';
  }
}

function integerInWords({ minimum, exclusiveMinimum, maximum }: Leaf): string {
  const least = minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + 1);
  const most = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (least === undefined) return 'a whole number';
  return most === undefined ? `a whole number from ${least}` : `a whole number from ${least} to ${most}`;
}

function upperSnake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

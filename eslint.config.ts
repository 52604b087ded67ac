import type { Linter } from 'eslint';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** A later `no-restricted-imports` replaces an earlier one, so each layer has one block that says all it may not import. */
function layer(
  folder: string,
  forbidden: readonly string[],
  packages: readonly string[] = [],
): Linter.Config {
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...forbidden.map((name) => ({
              regex: `^(\\.\\./)+${name}/`,
              message: `${folder} does not import ${name}: cli -> roles -> core -> ports <- adapters`,
            })),
            ...packages.map((name) => ({
              regex: name,
              message: `${folder} imports no I/O module and no package but zod`,
            })),
          ],
        },
      ],
    },
  };
}

const io = ['^node:(?!buffer|util|crypto|zlib)', '^(zookeeper|mysql2|yargs|winston|execa|yaml)(/|$)'];

export default defineConfig(
  { ignores: ['dist/**', '.sandbox/**', 'coverage/**', 'fixtures/**'] },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // An exhaustive switch over a union counts as one branch: it is a table.
      complexity: ['error', { max: 12, variant: 'modified' }],
      'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
    },
  },
  layer('core', ['cli', 'roles', 'adapters', 'sandbox', 'config'], io),
  layer('ports', ['cli', 'roles', 'adapters', 'sandbox', 'config'], io),
  layer('config', ['cli', 'roles', 'adapters', 'sandbox']),
  layer('adapters', ['cli', 'roles', 'sandbox']),
  layer('roles', ['cli', 'adapters', 'sandbox']),
  {
    files: ['test/**/*.ts', 'scripts/**/*.ts'],
    rules: {
      // node:test's `test()` and `it()` return promises that the runner awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' },
          ],
        },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
    },
  },
  // scripts/setup runs before anything is installed, so no TypeScript there.
  { files: ['scripts/setup/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
  { files: ['*.config.ts'], rules: { 'no-restricted-exports': 'off' } },
);

/** A command line that a document names, as an operator would type it. */
export interface DocumentedCommand {
  readonly words: readonly string[];
  /** With the file and line, for the test's name. */
  readonly text: string;
  /** Of a code block, or with flags: to be typed as it stands. Else it is named in passing, and what it needs is said elsewhere. */
  readonly isWhole: boolean;
}

interface Code {
  readonly line: number;
  readonly code: string;
  /** A line of a block; else a span of the text. */
  readonly block: boolean;
}

/** What a document marks as code. */
export function codeOf(document: string): readonly Code[] {
  let block = false;
  return document.split('\n').flatMap((text, at): readonly Code[] => {
    const line = at + 1;
    if (text.trim().startsWith('```')) {
      block = !block;
      return [];
    }
    if (block) return [{ line, code: withoutComment(text.trim()), block }];
    return [...text.matchAll(/`([^`]+)`/g)].map((found) => ({ line, code: found[1] ?? '', block: false }));
  });
}

/** Every `dcmha ...`, one for each of the alternatives that it offers. */
export function commandsIn(name: string, document: string): readonly DocumentedCommand[] {
  return codeOf(document)
    .filter(({ code }) => code.startsWith('dcmha ') && !code.includes(' dcmha '))
    .flatMap(({ line, code, block }) =>
      variantsOf(code).map((variant) => {
        const words = wordsOf(variant).slice(1);
        const isWhole = block || words.some((word) => word.startsWith('--'));
        return { words, text: `${name}:${line} dcmha ${words.join(' ')}`, isWhole };
      }),
    );
}

const withoutComment = (line: string) => line.replace(/(^|\s+)#.*$/, '');

/** What is optional is said; of `a|b` each one is, in turn. */
export function variantsOf(code: string): readonly string[] {
  const plain = code
    .replaceAll(/[[\]]/g, ' ')
    .replaceAll(/\s*\|\s*/g, '|')
    .replaceAll('...', '');
  const choice = /(\S+\|\S+)/.exec(plain)?.[0];
  if (choice === undefined) return [plain.trim().replaceAll(/\s+/g, ' ')];
  return choice.split('|').flatMap((one) => variantsOf(plain.replace(choice, one)));
}

/** Placeholders of numbers are numbers. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? (plain === 'N' ? '4' : (plain ?? '')),
  );
}

import { execa } from 'execa';
import { rename } from 'node:fs/promises';
import path from 'node:path';

/** A file system of its own on a file: it can be full, or hang, without anything else of this machine being so. Needs root. */
export class SmallDisk {
  readonly #at: string;

  private constructor(at: string) {
    this.#at = at;
  }

  /** Moves a directory, that nobody uses now, onto one. It is unmounted when its sandbox is taken down. */
  static async under(directory: string, sizeMb: number): Promise<SmallDisk> {
    const image = `${directory}.img`;
    const before = `${directory}.before`;
    await execa('truncate', ['-s', `${sizeMb}M`, image]);
    await execa('mkfs.ext4', ['-q', '-m', '0', image]);
    await rename(directory, before);
    await execa('mkdir', [directory]);
    await execa('mount', ['-o', 'loop', image, directory]);
    await execa('cp', ['-a', `${before}/.`, directory]);
    await execa('rm', ['-rf', before]);
    return new SmallDisk(directory);
  }

  get #filler(): string {
    return path.join(this.#at, 'lost+found/filler');
  }

  /** Nothing more can be written, until it is emptied. */
  async fill(): Promise<void> {
    await execa('dd', ['if=/dev/zero', `of=${this.#filler}`, 'bs=64K'], { reject: false });
    await execa('dd', ['if=/dev/zero', `of=${this.#filler}`, 'bs=512', 'oflag=append', 'conv=notrunc'], {
      reject: false,
    });
  }

  async empty(): Promise<void> {
    await execa('rm', ['-f', this.#filler]);
  }

  /** Whoever writes, or waits for the disk, waits until it is thawed, and cannot even be killed. */
  async freeze(): Promise<void> {
    await execa('fsfreeze', ['-f', this.#at]);
  }

  async thaw(): Promise<void> {
    await execa('fsfreeze', ['-u', this.#at], { reject: false });
  }
}

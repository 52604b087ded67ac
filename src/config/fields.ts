import { z } from 'zod';

export const ms = (value: number, text: string) =>
  z.number().int().positive().default(value).describe(`${text}, in ms`);
export const port = (value: number, text: string) =>
  z.number().int().min(1).max(65535).default(value).describe(text);
export const path = (text: string) => z.string().min(1).describe(text);

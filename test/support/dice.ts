import { randomNumbers } from "./random.ts";

/** Random choices that depend only on the seed. */
export interface Dice {
  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number;
  pick<T>(choices: readonly T[]): T;
  /** True with this probability. */
  chance(probability: number): boolean;
}

/** Creates the dice of one seed. */
export function diceOf(seed: number): Dice {
  // Without this multiplication, the first numbers of consecutive seeds would be similar.
  const random = randomNumbers(Math.imul(seed, 0x9e3779b1));
  const below = (limit: number) => Math.floor(random() * limit);
  return {
    below,
    pick: <T>(choices: readonly T[]) => choices[below(choices.length)] as T,
    chance: (probability) => random() < probability,
  };
}

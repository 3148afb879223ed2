/** A variable of a policy. Later variables can use it as `variables.NAME`. */
export interface Variable {
  readonly name: string;
  readonly expression: string;
}

/**
 * Returns the variables that expressions use, directly or through other variables. Keeps the given order. The API
 * server prepares all variables of a policy for each evaluation, so unused variables cost time.
 */
export function usedVariables(variables: readonly Variable[], expressions: readonly string[]): Variable[] {
  const used = new Set<string>();
  for (let texts = expressions; texts.length > 0; ) {
    const names = new Set(
      texts.flatMap((expression) => [...expression.matchAll(/\bvariables\.(\w+)/g)].map(([, name]) => name)),
    );
    const added = variables.filter(({ name }) => names.has(name) && !used.has(name));
    for (const { name } of added) used.add(name);
    texts = added.map(({ expression }) => expression);
  }
  return variables.filter(({ name }) => used.has(name));
}

/** A variable of a policy. Later variables can use it as `variables.NAME`. */
export interface Variable {
  readonly name: string;
  readonly expression: string;
}

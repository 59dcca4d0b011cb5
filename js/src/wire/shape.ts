// Whether what JSON said has the shape that the schema declares.

/**
 * How a value is made: "string", "number", "int", "boolean" or "any"; "=" and the texts that it may be; a list of
 * one shape for lists, with null beside it for what may be null; fields by name, "?" after those that may be
 * missing, "*" for any name.
 */
export type Shape = string | readonly [Shape] | readonly [Shape, null] | { readonly [name: string]: Shape };

export function fits(value: unknown, shape: Shape): boolean {
  if (typeof shape === "string") {
    if (shape[0] === "=") return typeof value === "string" && shape.slice(1).split("|").includes(value);
    if (shape === "int") return Number.isSafeInteger(value);
    return shape === "any" || typeof value === shape;
  }
  if (isList(shape)) {
    const [of] = shape;
    if (shape.length > 1) return value === null || fits(value, of);
    return Array.isArray(value) && value.every((each) => fits(each, of));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const given = value as Record<string, unknown>;
  return Object.entries(shape).every(([name, of]) => {
    if (name === "*") return Object.values(given).every((each) => fits(each, of));
    const bare = name.replace("?", "");
    return (bare !== name && !(bare in given)) || fits(given[bare], of);
  });
}

function isList(shape: Shape): shape is readonly [Shape] | readonly [Shape, null] {
  return Array.isArray(shape);
}

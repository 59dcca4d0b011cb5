// Style sheets are imported for the bundler; they export nothing.
declare module "*.css";

/** A style sheet as text; see the build. */
declare module "text:*.css" {
  const text: string;
  export default text;
}

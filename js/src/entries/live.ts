// What the kernel sends when it is asked for the live module.
export { start } from "../live";

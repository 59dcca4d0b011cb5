// Node warns of more than ten listeners on one signal; a view has dozens, and all end with it.
import { setMaxListeners } from "node:events";

setMaxListeners(200);

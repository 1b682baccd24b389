// The Emscripten modules, which tools/build.mjs copies to dist/wasm.
declare module "*.mjs" {
  const factory: unknown;
  export default factory;
}

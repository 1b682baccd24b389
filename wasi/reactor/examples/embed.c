// bitnet-reactor.wasm in a C program, with Wasmtime's C API.
//   reactor_embed bitnet-reactor.wasm ["Once upon a time"]
// Prints a story of the built-in model as it is generated, then the fingerprint of all logits on the way.
#include <wasi.h>
#include <wasmtime.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static wasmtime_store_t* store;
static wasmtime_context_t* context;
static wasmtime_instance_t instance;
static wasmtime_memory_t memory;

static void fail(const char* what, wasmtime_error_t* error, wasm_trap_t* trap) {
  wasm_byte_vec_t message = {0, NULL};
  if (error != NULL)
    wasmtime_error_message(error, &message);
  else if (trap != NULL)
    wasm_trap_message(trap, &message);
  fprintf(stderr, "reactor_embed: %s: %.*s\n", what, (int)message.size, message.data);
  exit(1);
}

static wasmtime_extern_t export_named(const char* name, wasmtime_extern_kind_t kind) {
  wasmtime_extern_t found;
  if (!wasmtime_instance_export_get(context, &instance, name, strlen(name), &found) ||
      found.kind != kind)
    fail(name, NULL, NULL);
  return found;
}

// One function of the module. `types` has a letter for each argument: i for 32 bits, I for 64.
static uint64_t call(const char* name, const char* types, ...) {
  const wasmtime_extern_t function = export_named(name, WASMTIME_EXTERN_FUNC);
  wasmtime_val_t arguments[8], result = {.kind = WASMTIME_I32, .of = {.i32 = 0}};
  const size_t count = strlen(types);
  wasm_functype_t* type = wasmtime_func_type(context, &function.of.func);
  const size_t results = wasm_functype_results(type)->size;
  wasm_trap_t* trap = NULL;
  wasmtime_error_t* error;
  va_list list;
  wasm_functype_delete(type);
  va_start(list, types);
  for (size_t i = 0; i < count; ++i) {
    arguments[i].kind = types[i] == 'I' ? WASMTIME_I64 : WASMTIME_I32;
    if (types[i] == 'I')
      arguments[i].of.i64 = (int64_t)va_arg(list, uint64_t);
    else
      arguments[i].of.i32 = (int32_t)va_arg(list, uint32_t);
  }
  va_end(list);
  error = wasmtime_func_call(context, &function.of.func, arguments, count, &result, results, &trap);
  if (error != NULL || trap != NULL)
    fail(name, error, trap);
  return result.kind == WASMTIME_I64 ? (uint64_t)result.of.i64 : (uint32_t)result.of.i32;
}

// Where `offset` of the module's memory is now. The module is not trusted with our memory.
static uint8_t* at(uint32_t offset, uint32_t length) {
  if (length > wasmtime_memory_data_size(context, &memory) ||
      offset > wasmtime_memory_data_size(context, &memory) - length)
    fail("a pointer outside the module's memory", NULL, NULL);
  return wasmtime_memory_data(context, &memory) + offset;
}
// Wasm is little-endian, and so is every machine that Wasmtime compiles for but one.
static uint32_t u32(uint32_t offset) {
  uint32_t value;
  memcpy(&value, at(offset, 4), 4);
  return value;
}
static void put(uint32_t offset, uint32_t value) { memcpy(at(offset, 4), &value, 4); }

static uint32_t allocate(uint32_t size) {
  const uint32_t offset = (uint32_t)call("bitnet_alloc", "i", size);
  if (offset == 0)
    fail("out of memory", NULL, NULL);
  return offset;
}
static void check(uint64_t status) {
  if (status == 0)
    return;
  char message[256];
  const uint32_t buffer = allocate(sizeof message);
  call("bitnet_last_error", "ii", buffer, (uint32_t)sizeof message);
  memcpy(message, at(buffer, sizeof message), sizeof message);
  message[sizeof message - 1] = '\0';
  fail(message, NULL, NULL);
}

static void instantiate(const char* path) {
  wasm_engine_t* engine = wasm_engine_new();
  wasmtime_linker_t* linker = wasmtime_linker_new(engine);
  wasmtime_module_t* module = NULL;
  wasi_config_t* wasi = wasi_config_new();
  wasm_trap_t* trap = NULL;
  wasmtime_error_t* error;
  FILE* file = fopen(path, "rb");
  uint8_t* bytes = NULL;
  size_t size = 0, room = 0;
  if (file == NULL)
    fail(path, NULL, NULL);
  for (;;) {
    if (size == room && (bytes = realloc(bytes, room = room * 2 + 65536)) == NULL)
      fail("out of memory", NULL, NULL);
    const size_t got = fread(bytes + size, 1, room - size, file);
    if (got == 0)
      break;
    size += got;
  }
  fclose(file);

  store = wasmtime_store_new(engine, NULL, NULL);
  context = wasmtime_store_context(store);
  wasi_config_inherit_stderr(wasi);
  if ((error = wasmtime_context_set_wasi(context, wasi)) != NULL ||
      (error = wasmtime_linker_define_wasi(linker)) != NULL ||
      (error = wasmtime_module_new(engine, bytes, size, &module)) != NULL ||
      (error = wasmtime_linker_instantiate(linker, context, module, &instance, &trap)) != NULL ||
      trap != NULL)
    fail(path, error, trap);
  free(bytes);
  wasmtime_module_delete(module);
  wasmtime_linker_delete(linker);
  wasm_engine_delete(engine); // the store keeps it
  memory = export_named("memory", WASMTIME_EXTERN_MEMORY).of.memory;
  call("_initialize", "");
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: reactor_embed bitnet-reactor.wasm [PROMPT]\n");
    return 2;
  }
  const char* prompt = argc > 2 ? argv[2] : "Once upon a time";
  const uint32_t length = (uint32_t)strlen(prompt);
  instantiate(argv[1]);

  const uint32_t out = allocate(8);
  check(call("bitnet_builtin_model", "ii", 0U, out));
  const uint32_t model = u32(out);
  check(call("bitnet_session_make", "iiii", model, 0U, 0U, out));
  const uint32_t session = u32(out);

  const uint32_t text = allocate(length + 1);
  memcpy(at(text, length), prompt, length);
  check(call("bitnet_model_tokenize", "iiiiiii", model, text, length, 1U, 0U, 0U, out));
  const uint32_t count = u32(out);
  const uint32_t ids = allocate(4 * count);
  check(call("bitnet_model_tokenize", "iiiiiii", model, text, length, 1U, ids, count, out));

  const uint32_t options = allocate(64); // bitnet_generate_options as wasm32 lays it out
  call("bitnet_generate_options_init", "ii", options, 64U);
  put(options + 4, 200); // max_tokens
  put(options + 8, 1);   // ignore_end
  check(call("bitnet_session_start", "iiii", session, ids, count, options));

  const uint32_t step = allocate(32); // bitnet_step: kind at 4, text at 24, its size at 28
  uint64_t hash = UINT64_C(14695981039346656037);
  put(step, 32);
  fputs(prompt, stdout);
  do {
    check(call("bitnet_session_next", "ii", session, step));
    const uint32_t piece = u32(step + 24), size = u32(step + 28);
    fwrite(at(piece, size), 1, size, stdout);
    fflush(stdout);
    if (u32(step + 4) == 1) {
      check(call("bitnet_session_logits", "iii", session, out, out + 4));
      hash = call("bitnet_hash_logits", "iiI", u32(out), u32(out + 4), hash);
    }
  } while (u32(step + 4) != 2);

  const uint32_t info = allocate(128); // bitnet_model_info: isa at 24, its size at 28
  put(info, 128);
  check(call("bitnet_model_get_info", "ii", model, info));
  const uint32_t isa = u32(info + 24), isa_size = u32(info + 28);
  printf("\nlogits reactor-wasmtime-%.*s 1 %016" PRIx64 "\n", (int)isa_size,
         (const char*)at(isa, isa_size), hash);

  call("bitnet_session_free", "i", session);
  call("bitnet_model_free", "i", model);
  wasmtime_store_delete(store);
  return 0;
}

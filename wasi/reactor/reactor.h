// What bitnet-reactor.wasm exports beside bitnet.h, for embedders: call `_initialize` once, then these and the functions
// of bitnet.h. Pointers and size_t are i32 offsets into the export `memory`, uint64_t is an i64, structs have wasm32's layout.
#pragma once

#include "bitnet/bitnet.h"

#ifdef __cplusplus
extern "C" {
#endif

// Memory of the module's for an embedder's texts, lists and structs, aligned for all of them; null when there is none.
// Any call may move `memory` in the embedder's address space (it grows), but never what stands in it.
void* bitnet_alloc(size_t size);
void bitnet_free(void* memory);

// The small model inside the module: no file is needed. `*model` is null when it fails.
int bitnet_builtin_model(const bitnet_load_options* options, bitnet_model** model);

#ifdef __cplusplus
}
#endif

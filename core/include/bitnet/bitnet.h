// BitNet Edge from C, and from every language that can call C: ternary language models, the same bits on every engine.
// This is bitnet.hpp with handles, lengths and numbers; what a call means and when it fails is told there.
//
//   bitnet_model* model = NULL;
//   bitnet_session* session = NULL;
//   bitnet_generate_options options;
//   bitnet_step step;
//   int32_t ids[256];
//   size_t count = 0;
//   bitnet_generate_options_init(&options, sizeof options);
//   step.struct_size = sizeof step;
//   if (bitnet_model_load_memory(file, file_size, NULL, &model) != 0 ||
//       bitnet_session_make(model, NULL, NULL, &session) != 0 ||
//       bitnet_model_tokenize(model, "Once upon a time", 16, 1, ids, 256, &count) != 0 || count > 256 ||
//       bitnet_session_start(session, ids, count, &options) != 0)
//     fail();                                                      // bitnet_last_error() says why
//   while (bitnet_session_next(session, &step) == 0 && step.kind != BITNET_STEP_END)
//     fwrite(step.text, 1, step.text_size, stdout);
//   bitnet_session_free(session);
//   bitnet_model_free(model);
//
// Status: 0, or a number of errors.def (BITNET_InvalidArgument and so on). A null pointer where something is needed is
// BITNET_InvalidArgument; a handle that was freed is the caller's mistake, which nothing can notice.
//
// Lengths: texts are UTF-8, given by pointer and bytes, and need no zero at their end; a pointer may be null when its
// length is 0. Where the library fills a caller's buffer, `capacity` is its length and `*count` or `*size` becomes the
// length of the whole answer. When that is more than the capacity, nothing was written: make room and call again.
//
// Structs begin with `struct_size`, the bytes that the caller's compiler gave them, so that they can grow at their end.
// Options get it, and every default, from their _init function; what the library fills in wants it set before the call.
// A null pointer for options means the defaults.
//
// Threads: a model may be used from several threads at once, a session or a loader from one at a time. The text of
// bitnet_last_error() is each thread's own.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// BITNET_Ok, BITNET_InvalidArgument, ...: numbers and sentences stand in errors.def.
enum bitnet_status {
#define BITNET_ERROR(number, name, sentence) BITNET_##name = number,
#include "errors.def"
#undef BITNET_ERROR
};

// --- the library ---

// Grows by one when a function or a field is added; nothing is ever taken away or changed in meaning.
#define BITNET_ABI_VERSION 4
uint32_t bitnet_abi_version(void);
// "0.1.0"
const char* bitnet_version(void);

// "NotGguf", and its sentence; "Unknown" for a number outside the table.
const char* bitnet_error_name(int status);
const char* bitnet_error_sentence(int status);
// What went wrong in this thread's last call that failed, one sentence and the thing it is about, in printable ASCII.
// Writes as much as fits and a zero; returns the length of the whole without the zero.
size_t bitnet_last_error(char* buffer, size_t capacity);

// The kernels that this build has and this machine runs, best first; null from the end of the list on.
const char* bitnet_isa(size_t index);

// --- models ---

typedef struct bitnet_model bitnet_model;

typedef struct bitnet_text {
  const char* data;
  size_t size; // bytes
} bitnet_text;

enum bitnet_head_type { BITNET_HEAD_FILE = 0, BITNET_HEAD_INT8 = 1, BITNET_HEAD_INT4 = 2 };

typedef struct bitnet_load_options {
  uint32_t struct_size;
  uint32_t float_activations; // not 0: float instead of int8 activations, slow, a reference
  bitnet_text isa;            // kernels by name; empty: the best
  uint32_t head;     // BITNET_HEAD_*: a small output head costs memory for speed (options.hpp)
  uint32_t reserved; // 0
  // Bytes that the model may take at most, with a session like this one (null: the defaults); 0: no limit.
  uint64_t memory_limit;
  const struct bitnet_session_options* session;
} bitnet_load_options;
void bitnet_load_options_init(bitnet_load_options* options, size_t struct_size);

// Fills `size` bytes at `into` from `offset` of the file; 0, or a number of errors.def. Never called for nothing, nor
// beyond the file's size.
typedef int (*bitnet_read)(void* context, uint64_t offset, void* into, size_t size);

// A GGUF model, tensor by tensor; `read` is not called after the return. `*model` is null when it fails.
int bitnet_model_load(bitnet_read read, void* context, uint64_t file_size,
                      const bitnet_load_options* options, bitnet_model** model);
// The same from several files, as gguf-split writes them: all parts, in order; `file` counts from 0.
typedef int (*bitnet_read_file)(void* context, uint32_t file, uint64_t offset, void* into,
                                size_t size);
int bitnet_model_load_files(bitnet_read_file read, void* context, const uint64_t* file_sizes,
                            size_t file_count, const bitnet_load_options* options,
                            bitnet_model** model);
// The same from bytes in memory, which are not needed afterwards.
int bitnet_model_load_memory(const void* bytes, size_t size, const bitnet_load_options* options,
                             bitnet_model** model);
// Sessions keep what they need of their model. Null is fine.
void bitnet_model_free(bitnet_model* model);

// Loading turned inside out, for bytes that arrive when they please: fill what is wanted, accept, and so on until
// nothing is wanted. The offsets ascend: one sequential download serves.
typedef struct bitnet_loader bitnet_loader;
int bitnet_loader_begin(uint64_t file_size, const bitnet_load_options* options,
                        bitnet_loader** loader);
// `*size` bytes of the file from `*offset` on belong at `*into`, which is the library's memory; `*size` 0: finish.
int bitnet_loader_wanted(const bitnet_loader* loader, uint64_t* offset, void** into, size_t* size);
// The same from several files: headers first, then each file's weights; the range's is *file, counted from 0.
int bitnet_loader_begin_files(const uint64_t* file_sizes, size_t file_count,
                              const bitnet_load_options* options, bitnet_loader** loader);
int bitnet_loader_wanted_file(const bitnet_loader* loader, uint32_t* file);
// To go no further than the header, and take no memory for weights: bitnet_loader_estimate answers then.
int bitnet_loader_begin_estimate(const uint64_t* file_sizes, size_t file_count,
                                 const bitnet_load_options* options, bitnet_loader** loader);
// They are there. After an error the loader is good for nothing but to be freed.
int bitnet_loader_accept(bitnet_loader* loader);
// The model, once; the loader is still to be freed.
int bitnet_loader_finish(bitnet_loader* loader, bitnet_model** model);
void bitnet_loader_free(bitnet_loader* loader);

// What a model is. The texts live as long as the model or a session of it.
typedef struct bitnet_model_info {
  uint32_t struct_size;
  uint32_t tokenizer_guessed; // not 0: the file did not name its rules
  bitnet_text name;           // general.name, may be empty
  bitnet_text architecture;
  bitnet_text isa;           // kernels in use
  bitnet_text tokenizer;     // rule set: "llama-bpe", "gpt-2", "spm"
  bitnet_text chat_template; // "none" or "unknown": chat is refused
  bitnet_text weight_type;   // type of the ternary matrices: "I2_S"
  uint64_t parameters;
  uint64_t ternary_parameters;
  uint64_t file_bytes;
  uint64_t weight_bytes; // memory the packed weights take
  uint32_t layers, hidden, ffn, heads, kv_heads, head_dim;
  uint32_t vocabulary;
  uint32_t context; // the model's own limit, tokens
  int32_t bos, eos; // ids, -1: none
} bitnet_model_info;
int bitnet_model_get_info(const bitnet_model* model, bitnet_model_info* info);

// What a model will take, told by its header alone, in bytes.
typedef struct bitnet_estimate {
  uint32_t struct_size;
  uint32_t reserved;          // 0
  uint64_t weight_bytes;      // exact where each row has one scale, as in trained models
  uint64_t weight_bytes_most; // where each block of TQ1_0 and TQ2_0 has its own
  uint64_t session_bytes;
  uint64_t peak_bytes; // the most at a time, while loading and with the session
} bitnet_estimate;
// From when the loader knows the header until it has given the model; BITNET_InvalidState outside. `session` null: the
// defaults. `info` may be null; its texts live as long as the loader.
int bitnet_loader_estimate(const bitnet_loader* loader,
                           const struct bitnet_session_options* session, bitnet_estimate* estimate,
                           bitnet_model_info* info);

// Ids of plain text, which never becomes a control token; `add_bos` not 0: BOS first where the model wants one.
// ids: int32 [capacity]
int bitnet_model_tokenize(const bitnet_model* model, const char* text, size_t size, int add_bos,
                          int32_t* ids, size_t capacity, size_t* count);

// The same for a prompt that a template has framed already: control tokens that the text spells become their ids. Never
// for what a user typed.
int bitnet_model_tokenize_framed(const bitnet_model* model, const char* text, size_t size,
                                 int add_bos, int32_t* ids, size_t capacity, size_t* count);

typedef struct bitnet_message {
  bitnet_text role; // "system", "user" or "assistant"
  bitnet_text content;
} bitnet_message;
// Ids of a conversation, framed by the model's chat template; `add_generation_prompt` not 0: up to where the model's
// answer begins. ids: int32 [capacity]
int bitnet_model_tokenize_chat(const bitnet_model* model, const bitnet_message* messages,
                               size_t message_count, int add_generation_prompt, int32_t* ids,
                               size_t capacity, size_t* count);
// Text of ids, which may end inside a character; control tokens give nothing unless `render_special` is not 0.
// ids: int32 [id_count]; text: bytes [capacity]
int bitnet_model_detokenize(const bitnet_model* model, const int32_t* ids, size_t id_count,
                            int render_special, char* text, size_t capacity, size_t* size);
// 1 when this id ends a turn, else 0.
int bitnet_model_ends_generation(const bitnet_model* model, int32_t id);

// --- sessions ---

typedef struct bitnet_session bitnet_session;

// Threads of the caller's: run() calls task(task_context, i) once for each i in [0, count), on up to `threads` threads
// at once, and returns when all are done. The session keeps a copy; `context` must outlive it.
typedef struct bitnet_parallel {
  uint32_t struct_size;
  uint32_t threads; // at least 1
  void* context;
  void (*run)(void* context, size_t count, void (*task)(void* task_context, size_t index),
              void* task_context);
} bitnet_parallel;

enum bitnet_kv_type { BITNET_KV_F32 = 0, BITNET_KV_F16 = 1 };

typedef struct bitnet_session_options {
  uint32_t struct_size;
  uint32_t context; // tokens the KV cache holds; 0: the model's, at most 2048
  uint32_t kv_type; // enum bitnet_kv_type
  uint32_t batch;   // prompt tokens evaluated together, 1 to 512
} bitnet_session_options;
void bitnet_session_options_init(bitnet_session_options* options, size_t struct_size);

// Bytes that such a session takes beside the model.
int bitnet_model_session_bytes(const bitnet_model* model, const bitnet_session_options* options,
                               uint64_t* bytes);

// One conversation: a KV cache and at most one generation under way. `parallel` null: the calling thread alone.
// `*session` is null when it fails.
int bitnet_session_make(const bitnet_model* model, const bitnet_session_options* options,
                        const bitnet_parallel* parallel, bitnet_session** session);
void bitnet_session_free(bitnet_session* session);

// What bitnet_session_next does when a token has no place in the context (options.hpp).
enum bitnet_context_policy {
  BITNET_CONTEXT_STOP = 0,  // the generation ends with BITNET_FINISH_CONTEXT
  BITNET_CONTEXT_ERROR = 1, // BITNET_ContextFull
  BITNET_CONTEXT_SHIFT = 2  // the older half of what follows `keep` tokens is forgotten
};

typedef struct bitnet_generate_options {
  uint32_t struct_size;
  uint32_t max_tokens;        // 0: until an end token, a stop text or the end of the context
  uint32_t ignore_end;        // not 0: go on through end-of-text tokens
  float temperature;          // 0: greedy; at most 100
  uint32_t top_k;             // 0: off
  float top_p;                // (0, 1]; 1: off
  float min_p;                // [0, 1); 0: off
  float repetition_penalty;   // [0.1, 10]; 1: off
  float presence_penalty;     // [-100, 100]; 0: off
  float frequency_penalty;    // [-100, 100]; 0: off
  uint32_t repetition_window; // recent ids that the penalties look at
  uint64_t seed;
  // Texts before which the generation ends: at most 16 of at most 256 bytes, none empty.
  const bitnet_text* stop;
  size_t stop_count;
  uint32_t logprobs;       // not 0: tell each token's log-probability; reads every logit exactly
  uint32_t top_logprobs;   // and those of so many of the likeliest, 0 to 20; only with logprobs
  uint32_t context_policy; // enum bitnet_context_policy
  uint32_t keep;           // tokens at the front of the context that a shift never forgets
  uint32_t draft;    // most tokens guessed from what the context says already, 0 to 16; 0: off
  uint32_t reserved; // 0
  // What the text must be: a grammar in GBNF or a JSON schema, at most one of both; empty: anything.
  bitnet_text grammar;
  bitnet_text json_schema;
} bitnet_generate_options;
void bitnet_generate_options_init(bitnet_generate_options* options, size_t struct_size);

// Begin a generation from a whole prompt; what the KV cache holds of it already is not evaluated again.
// ids: int32 [count]
int bitnet_session_start(bitnet_session* session, const int32_t* ids, size_t count,
                         const bitnet_generate_options* options);

enum bitnet_step_kind { BITNET_STEP_PREFILL = 0, BITNET_STEP_TOKEN = 1, BITNET_STEP_END = 2 };
enum bitnet_finish {
  BITNET_FINISH_NONE = 0,   // not finished
  BITNET_FINISH_END = 1,    // the model ended its turn
  BITNET_FINISH_STOP = 2,   // a stop text
  BITNET_FINISH_LENGTH = 3, // max_tokens
  BITNET_FINISH_CONTEXT = 4 // the context is full
};

typedef struct bitnet_token_logprob {
  int32_t id;
  float logprob; // natural logarithm of the probability
} bitnet_token_logprob;

typedef struct bitnet_step {
  uint32_t struct_size;
  uint32_t kind;      // enum bitnet_step_kind
  int32_t id;         // of the token generated; -1: none
  uint32_t finish;    // enum bitnet_finish
  uint32_t prefilled; // prompt tokens evaluated so far
  uint32_t prompt;    // prompt tokens in all
  // Whole characters, perhaps none, without a zero at the end; valid until the session's next call.
  const char* text;
  size_t text_size; // bytes
  // The likeliest tokens, best first, by the softmax of the model's own logits; valid until the session's next call.
  const bitnet_token_logprob* top_logprobs;
  size_t top_logprob_count;
  float logprob;     // of the token generated; 0 when not asked for
  uint32_t reserved; // 0
} bitnet_step;
// The next step: a batch of the prompt, a token, or the end (then again the end). To stop early, just stop calling.
int bitnet_session_next(bitnet_session* session, bitnet_step* step);

// The raw interface: append ids to the context and evaluate them. ids: int32 [count]
int bitnet_session_evaluate(bitnet_session* session, const int32_t* ids, size_t count);
// Logits of the last evaluated position: float [*count], one per vocabulary entry, none before the first evaluation. The
// session's memory, until its next call. After bitnet_session_next of a model with a small output head, only those that
// sampling looked at are exact.
int bitnet_session_logits(const bitnet_session* session, const float** logits, size_t* count);

enum bitnet_pooling { BITNET_POOLING_LAST = 0, BITNET_POOLING_MEAN = 1 };
// The vector of the text that ids are: its final hidden state, of the last position or the mean of all, divided by its
// Euclidean length when `normalize` is not 0. The context holds the ids afterwards.
// ids: int32 [count]; pooling: enum bitnet_pooling; vector: float [length], length = bitnet_model_info.hidden
int bitnet_session_embed(bitnet_session* session, const int32_t* ids, size_t count,
                         uint32_t pooling, int normalize, float* vector, size_t length);

// Tokens in the context, and how many it holds; 0 for a null handle.
uint32_t bitnet_session_size(const bitnet_session* session);
uint32_t bitnet_session_capacity(const bitnet_session* session);
// Forget all but the first `size` tokens.
int bitnet_session_truncate(bitnet_session* session, uint32_t size);
// The ids in the context: int32 [*count], the session's memory, until its next call.
int bitnet_session_tokens(const bitnet_session* session, const int32_t** ids, size_t* count);

// Another session that holds the same tokens, and no generation. `parallel` null: the same as this one's, whose context
// must outlive both. `*fork` is null when it fails.
int bitnet_session_fork(const bitnet_session* session, const bitnet_parallel* parallel,
                        bitnet_session** fork);

// The context as bytes, piece by piece: `*size` bytes in all; then each piece is the session's memory until its next call,
// and `*size` 0 says that the one before was the last.
int bitnet_session_save_begin(bitnet_session* session, uint64_t* size);
int bitnet_session_save_piece(bitnet_session* session, const void** bytes, size_t* size);
// The way back, into a session of the same model and KV type: `size` bytes will come in all; fill what is wanted, accept,
// and so on until nothing is wanted. The session is empty until then and when it fails (BITNET_BadSession).
int bitnet_session_restore_begin(bitnet_session* session, uint64_t size);
int bitnet_session_restore_wanted(bitnet_session* session, void** into, size_t* size);
int bitnet_session_restore_accept(bitnet_session* session);

// FNV-1a 64 of logits, continued from `state`: the fingerprint that engines compare step by step.
// logits: float [count]
#define BITNET_HASH_START UINT64_C(14695981039346656037)
uint64_t bitnet_hash_logits(const float* logits, size_t count, uint64_t state);

#ifdef __cplusplus
}
#endif

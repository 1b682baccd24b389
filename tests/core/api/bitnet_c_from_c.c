/* bitnet.h compiled as C, and used as a C program would: bitnet_c_test.cpp compares what comes of it. */
#include "bitnet/bitnet.h"

#include <string.h>

struct file {
  const unsigned char* bytes;
  size_t size;
};

static int read_file(void* context, uint64_t offset, void* into, size_t size) {
  const struct file* file = context;
  if (offset > file->size || size > file->size - offset)
    return BITNET_Truncated;
  memcpy(into, file->bytes + offset, size);
  return BITNET_Ok;
}

int bitnet_generate_from_c(const void* bytes, size_t size, const int32_t* prompt,
                           size_t prompt_count, int32_t* ids, size_t most, uint64_t* hash);

/* Greedy ids after a prompt, and the fingerprint of all their logits; a status. */
int bitnet_generate_from_c(const void* bytes, size_t size, const int32_t* prompt,
                           size_t prompt_count, int32_t* ids, size_t most, uint64_t* hash) {
  struct file file;
  bitnet_model* model = NULL;
  bitnet_session* session = NULL;
  bitnet_generate_options options;
  bitnet_step step;
  size_t count = 0;
  int status;
  file.bytes = bytes;
  file.size = size;
  bitnet_generate_options_init(&options, sizeof options);
  options.max_tokens = (uint32_t)most;
  options.ignore_end = 1;
  step.struct_size = sizeof step;
  step.kind = BITNET_STEP_PREFILL;
  *hash = BITNET_HASH_START;
  status = bitnet_model_load(read_file, &file, size, NULL, &model);
  if (status == BITNET_Ok)
    status = bitnet_session_make(model, NULL, NULL, &session);
  if (status == BITNET_Ok)
    status = bitnet_session_start(session, prompt, prompt_count, &options);
  while (status == BITNET_Ok && step.kind != BITNET_STEP_END) {
    status = bitnet_session_next(session, &step);
    if (status == BITNET_Ok && step.kind == BITNET_STEP_TOKEN && count < most) {
      const float* logits = NULL;
      size_t logit_count = 0;
      ids[count++] = step.id;
      status = bitnet_session_logits(session, &logits, &logit_count);
      *hash = bitnet_hash_logits(logits, logit_count, *hash);
    }
  }
  bitnet_session_free(session);
  bitnet_model_free(model);
  return status;
}

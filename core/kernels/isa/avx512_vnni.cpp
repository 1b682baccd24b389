// AVX-512 with VNNI.
#include "kernels/isa/avx512_lanes.h"

namespace bitnet {

extern const Kernels kernels_avx512_vnni;
constinit const Kernels kernels_avx512_vnni = generic::make_kernels<Avx512Vnni>("avx512_vnni");

} // namespace bitnet

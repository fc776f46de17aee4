/* zstd asks the processor what it can do whenever a context is made, and the Parquet reader makes two for each column that it
   reads. In a virtual machine the hypervisor answers, which takes 20 us: longer than to unpack a small page. This header comes
   before every C file of the build (see config.toml beside it) and makes zstd ask once: its own ZSTD_cpuSupportsBmi2(void) is
   defined under the name zstd_ask_processor_void, and its calls, which pass nothing, keep the answer. Two threads that ask at the
   same time store the same answer. */
#ifndef CLEW_ZSTD_PROCESSOR_H
#define CLEW_ZSTD_PROCESSOR_H

#define ZSTD_cpuSupportsBmi2(none_or_void) zstd_ask_processor_##none_or_void(none_or_void)
#define zstd_ask_processor_()                                                                    \
  (__extension__({                                                                               \
    static int answer_plus_one;                                                                  \
    int known = __atomic_load_n(&answer_plus_one, __ATOMIC_RELAXED);                             \
    if (known == 0) {                                                                            \
      known = zstd_ask_processor_void() + 1;                                                     \
      __atomic_store_n(&answer_plus_one, known, __ATOMIC_RELAXED);                               \
    }                                                                                            \
    known - 1;                                                                                   \
  }))

#endif

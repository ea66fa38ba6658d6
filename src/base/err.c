#include "base/err.h"

const struct err_words err_words[ERR_N] = {
#define ERR(n, t, ...) [ERR_##n] = { .name = #n, .text = t },
#include "base/err.def"
#undef ERR
};

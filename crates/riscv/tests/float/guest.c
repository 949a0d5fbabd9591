/* Executes each floating-point instruction of instructions.h, in each rounding mode, on each record
 * of three 64-bit operands read from standard input, and writes what a register holds afterwards and
 * fflags. The instruction finds its operands in a0 to a2 and in ft0 to ft2. */

#include <stdint.h>
#include <stdio.h>

struct result {
    uint64_t value;
    uint64_t fflags;
};

#define EXECUTE(instruction, fetch)                                                                \
    for (uint64_t mode = 0; mode < 5; mode++) {                                                    \
        register uint64_t a0 asm("a0") = operand[0];                                               \
        register uint64_t a1 asm("a1") = operand[1];                                               \
        register uint64_t a2 asm("a2") = operand[2];                                               \
        struct result result;                                                                      \
        asm volatile("fsrm %[mode]\n"                                                              \
                     "fmv.d.x ft0, a0\n"                                                           \
                     "fmv.d.x ft1, a1\n"                                                           \
                     "fmv.d.x ft2, a2\n"                                                           \
                     "fsflags zero\n" instruction "\n" fetch "\n"                                  \
                     "frflags %[fflags]\n"                                                         \
                     "mv %[value], t0\n"                                                           \
                     : [value] "=&r"(result.value), [fflags] "=&r"(result.fflags)                  \
                     : [mode] "r"(mode), "r"(a0), "r"(a1), "r"(a2)                                 \
                     : "t0", "ft0", "ft1", "ft2", "ft3");                                          \
        fwrite(&result, sizeof result, 1, stdout);                                                 \
    }
#define TO_FLOAT(instruction) EXECUTE(instruction, "fmv.x.d t0, ft3")
#define TO_INTEGER(instruction) EXECUTE(instruction, "")

int main(void)
{
    static char buffer[1 << 16];
    uint64_t operand[3];

    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    while (fread(operand, sizeof operand, 1, stdin) == 1) {
#include "instructions.h"
    }
    return fflush(stdout) != 0;
}

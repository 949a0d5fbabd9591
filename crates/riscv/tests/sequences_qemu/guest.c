/* Runs pieces of code on the emulator's processor. For each request read from standard input it
 * patches memory, gives every register its value, and jumps; whatever signal the code ends in, an
 * ebreak as a rule, it writes the registers and a hash of the scratch memory to standard output.
 *
 * Registers are set and read through the context of a signal handler, so the code may use them all.
 * Linked without relaxation, since the handler must not find its own data by gp. */

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

/* As in main.rs. */
#define CODE 0x50000000ul
#define CODE_BYTES 0x3000ul
#define SCRATCH 0x50010000ul
#define SCRATCH_BYTES 0x2000ul

struct state {
    uint64_t x[32]; /* the pc in place of x0 */
    uint64_t f[32];
    uint64_t fcsr;
};

struct request {
    struct state state;
    uint64_t patches;
};

struct patch {
    uint64_t address;
    uint64_t bytes;
};

struct answer {
    struct state state;
    uint64_t signal;
    uint64_t hash;
};

static char input[1 << 16];
static size_t input_start, input_end;
static int started;
/* What the C library finds its thread by, which the code may have changed. */
static uint64_t thread_pointer;

static void fetch(void *into, size_t bytes)
{
    char *to = into;

    while (bytes > 0) {
        if (input_start == input_end) {
            ssize_t got = read(STDIN_FILENO, input, sizeof input);
            if (got <= 0)
                _exit(got == 0 ? 0 : 1);
            input_start = 0;
            input_end = got;
        }
        size_t part = input_end - input_start;
        if (part > bytes)
            part = bytes;
        memcpy(to, input + input_start, part);
        input_start += part;
        to += part;
        bytes -= part;
    }
}

static void answer(const ucontext_t *context, int number)
{
    struct answer answer = {.signal = number, .hash = 0};
    const __typeof__(context->uc_mcontext.__fpregs.__d) *d = &context->uc_mcontext.__fpregs.__d;
    const char *from = (const char *)&answer;

    memcpy(answer.state.x, context->uc_mcontext.__gregs, sizeof answer.state.x);
    memcpy(answer.state.f, d->__f, sizeof answer.state.f);
    answer.state.fcsr = d->__fcsr;
    for (const uint64_t *word = (void *)SCRATCH; word < (uint64_t *)(SCRATCH + SCRATCH_BYTES); word++)
        answer.hash = (answer.hash ^ *word) * 0x9e3779b97f4a7c15 + 1;
    for (size_t left = sizeof answer; left > 0;) {
        ssize_t written = write(STDOUT_FILENO, from, left);
        if (written <= 0)
            _exit(1);
        from += written;
        left -= written;
    }
}

static void next(ucontext_t *context)
{
    __typeof__(context->uc_mcontext.__fpregs.__d) *d = &context->uc_mcontext.__fpregs.__d;
    struct request request;
    struct patch patch;
    uint32_t word;

    fetch(&request, sizeof request);
    for (uint64_t i = 0; i < request.patches; i++) {
        fetch(&patch, sizeof patch);
        fetch((void *)patch.address, patch.bytes);
    }
    __builtin___clear_cache((char *)CODE, (char *)CODE + CODE_BYTES);
    /* An sc ends whatever reservation the last piece of code has left. */
    asm volatile("sc.w %0, zero, (%1)" : "=&r"(word) : "r"(&word) : "memory");
    memcpy(context->uc_mcontext.__gregs, request.state.x, sizeof request.state.x);
    memcpy(d->__f, request.state.f, sizeof request.state.f);
    d->__fcsr = request.state.fcsr;
}

static void handle(int number, siginfo_t *info, void *context)
{
    (void)info;
    asm volatile("ld tp, %0" : : "m"(thread_pointer) : "memory");
    if (started)
        answer(context, number);
    started = 1;
    next(context);
}

int main(void)
{
    static char stack[1 << 16];
    static const int signals[] = {SIGTRAP, SIGILL, SIGSEGV, SIGBUS};
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    int all = PROT_READ | PROT_WRITE | PROT_EXEC;
    int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

    if (mmap((void *)CODE, CODE_BYTES, all, fixed, -1, 0) != (void *)CODE ||
        mmap((void *)SCRATCH, SCRATCH_BYTES, all, fixed, -1, 0) != (void *)SCRATCH)
        return 2;
    if (sigaltstack(&alternate, NULL) != 0)
        return 3;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (sigaction(signals[i], &action, NULL) != 0)
            return 4;
    asm volatile("sd tp, %0" : "=m"(thread_pointer));
    asm volatile("ebreak");
    return 5;
}

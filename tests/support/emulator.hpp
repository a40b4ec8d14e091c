// A GPU with one processor: the threads of a block take turns, from one barrier to the next, and
// blocks follow one another. Threads run in ascending or in descending order, so that what forgets
// to wait for others gets something wrong in one of them.

#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <utility>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(threads)
#define __shared__ static

struct Place3 { unsigned int x, y, z; };
static Place3 gridDim, blockDim, blockIdx, threadIdx;

namespace emulator {
const unsigned int MOST = 256, STACK = 64 * 1024;
static jmp_buf scheduler, fibers[MOST];
static bool begun[MOST];
static char stacks[MOST * STACK];
static bool done[MOST];
static unsigned int arrived[MOST][10], turn[MOST][10];
static unsigned long long slots[MOST], progress;
static void (*body)();

// From one stack to another. `swapcontext` would also exchange the masks of signals, by a call of
// the system each time.
#define SWITCH(from, to) \
    if (!_setjmp(from)) _longjmp(to, 1)

static void fiber() {
    const unsigned int me = threadIdx.x;
    for (;;) { // one block after another
        body();
        done[me] = true;
        ++progress;
        SWITCH(fibers[me], scheduler);
    }
}

static void resume(unsigned int t) {
    threadIdx.x = t;
    if (begun[t]) {
        SWITCH(scheduler, fibers[t]);
        return;
    }
    begun[t] = true;
    ucontext_t start;
    getcontext(&start);
    start.uc_stack.ss_sp = &stacks[t * STACK];
    start.uc_stack.ss_size = STACK;
    start.uc_link = nullptr;
    makecontext(&start, fiber, 0);
    if (!_setjmp(scheduler)) setcontext(&start);
}

// Wait until `count` threads, of which `first` is the first, are here.
static void wait(unsigned int first, unsigned int count) {
    const unsigned int me = threadIdx.x, kind = __builtin_ctz(count), now = turn[first][kind];
    if (++arrived[first][kind] == count) {
        arrived[first][kind] = 0;
        ++turn[first][kind];
        ++progress;
    }
    while (turn[first][kind] == now) SWITCH(fibers[me], scheduler);
}

static void wait_for(unsigned int mask) {
    wait(threadIdx.x / 32 * 32 + __builtin_ctz(mask), __builtin_popcount(mask));
}

static void run_block(bool backwards) {
    const unsigned int n = blockDim.x;
    for (unsigned int t = 0; t < n; ++t) done[t] = false;
    for (unsigned int left = n; left > 0;) {
        const unsigned long long before = progress;
        left = 0;
        for (unsigned int k = 0; k < n; ++k) {
            const unsigned int t = backwards ? n - 1 - k : k;
            if (done[t]) continue;
            resume(t);
            left += !done[t];
        }
        if (left && progress == before) {
            std::fprintf(stderr, "threads wait for others that do not come\n");
            std::abort();
        }
    }
}

static void launch(const unsigned int *grid, unsigned int threads, bool backwards,
                   void (*kernel)()) {
    body = kernel;
    gridDim = {grid[0], grid[1], 1};
    blockDim = {threads, 1, 1};
    for (unsigned int k = 0; k < grid[0] * grid[1]; ++k) {
        const unsigned int b = backwards ? grid[0] * grid[1] - 1 - k : k;
        blockIdx = {b % grid[0], b / grid[0], 0};
        run_block(backwards);
    }
}

static void **arguments;

template <class... A, std::size_t... I>
void call(void (*kernel)(A...), std::index_sequence<I...>) {
    kernel(*(A *) arguments[I]...);
}

template <class... A> void call(void (*kernel)(A...)) {
    call(kernel, std::index_sequence_for<A...>());
}
} // namespace emulator

inline void __syncthreads() { emulator::wait(0, blockDim.x); }
inline void __syncwarp(unsigned int mask) { emulator::wait_for(mask); }
inline void __threadfence() {}

template <class T> T __shfl_xor_sync(unsigned int mask, T x, int k) {
    std::memcpy(&emulator::slots[threadIdx.x], &x, sizeof x);
    emulator::wait_for(mask);
    T y;
    std::memcpy(&y, &emulator::slots[threadIdx.x ^ k], sizeof y);
    emulator::wait_for(mask);
    return y;
}

inline unsigned int atomicInc(unsigned int *p, unsigned int most) {
    const unsigned int old = *p;
    *p = old >= most ? 0 : old + 1;
    return old;
}

inline double __longlong_as_double(long long x) {
    double y;
    std::memcpy(&y, &x, sizeof y);
    return y;
}

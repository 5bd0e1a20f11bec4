// Batch norm over a batch in bfloat16, with the ReLU behind it: `rows` pixels of `channels` values each, which is
// memory in channels last.
//
// Forward and backward each read their maps twice (sums, then values) and write once. Sums are taken by blocks of rows
// that depend on the shape alone, so the answers are the same for any number of threads.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace {

typedef float Floats __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));
typedef int32_t Masks __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));

constexpr int64_t LANES = 16;   // channels of a vector
constexpr int64_t TILE = 64;    // rows whose sums are added in float32 before they go on in float64
constexpr int64_t BLOCKS = 64;  // at most so many parts of the rows, which threads take in turn
constexpr int64_t GRAIN = 1 << 14;  // values that are worth a thread of their own

struct Maps {
    int64_t rows, channels;
    int threads;

    Maps(int64_t rows, int64_t channels, int threads) : rows(rows), channels(channels), threads(threads) {
        const int64_t worth = rows * channels / GRAIN + 1;
        if (worth < threads) this->threads = int(worth);
    }
};

inline Floats load(const uint16_t* from) {
    Halves raw;
    std::memcpy(&raw, from, sizeof raw);
    return (Floats)(__builtin_convertvector(raw, Words) << 16);
}

inline Floats load(const float* from) {
    Floats values;
    std::memcpy(&values, from, sizeof values);
    return values;
}

// To the nearest, ties to even; NaN stays NaN.
inline void store(uint16_t* to, Floats values) {
#ifdef __AVX512BF16__
    const auto raw = _mm512_cvtneps_pbh((__m512)values);
#else
    const Words bits = (Words)values, lost = (Words)(values != values);
    const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const Halves raw = __builtin_convertvector((rounded & ~lost) | (lost & 0x7fc0u), Halves);
#endif
    std::memcpy(to, &raw, sizeof raw);
}

// Where fewer than LANES channels are left the vectors go by way of a buffer.
template <bool WHOLE, typename T>
inline Floats load(const T* from, int64_t count) {
    if (WHOLE) return load(from);
    T buffer[LANES] = {};
    std::memcpy(buffer, from, count * sizeof(T));
    return load(buffer);
}

template <bool WHOLE>
inline void store(uint16_t* to, Floats values, int64_t count) {
    if (WHOLE) return store(to, values);
    uint16_t buffer[LANES];
    store(buffer, values);
    std::memcpy(to, buffer, count * sizeof(uint16_t));
}

// `values` where `where` is not negative or zero: like ReLU, it lets NaN through.
inline Floats kept(Floats values, Floats where) { return (Floats)((Masks)values & ~(Masks)(where <= 0.0f)); }

// The next channels of a row, which are read when the other rows of the tile have been.
inline void soon(const uint16_t* from) {
    __builtin_prefetch(from);
    __builtin_prefetch(from + 2 * LANES);
}

// Sums of a tile's rows: Term::at(row, channel) gives the two that are added.
template <int WIDTH, bool WHOLE, typename Term>
inline void sum_rows(int64_t first, int64_t last, int64_t channel, int64_t channels, double* sums, const Term& term) {
    const int64_t count = WHOLE ? LANES : channels - channel;
    Floats one[WIDTH] = {}, two[WIDTH] = {};
    typename Term::template Constants<WHOLE> constants[WIDTH];
    for (int part = 0; part < WIDTH; ++part) constants[part].read(term, channel + part * LANES, count);
    for (int64_t row = first; row < last; ++row) {
        term.fetch(row * channels + channel + WIDTH * LANES);
        for (int part = 0; part < WIDTH; ++part)
            constants[part].add(term, row * channels + channel + part * LANES, count, one[part], two[part]);
    }
    for (int part = 0; part < WIDTH; ++part)
        for (int64_t lane = 0; lane < count; ++lane) {
            sums[channel + part * LANES + lane] += one[part][lane];
            sums[channels + channel + part * LANES + lane] += two[part][lane];
        }
}

template <typename Term>
std::vector<double> sums_of(const Maps& maps, const Term& term) {
    const int64_t channels = maps.channels, tiles = (maps.rows + TILE - 1) / TILE;
    const int64_t size = (tiles + BLOCKS - 1) / BLOCKS * TILE, blocks = (maps.rows + size - 1) / size;
    std::vector<double> parts(blocks * 2 * channels, 0.0), found(2 * channels, 0.0);
#pragma omp parallel for num_threads(maps.threads) schedule(dynamic, 1)
    for (int64_t block = 0; block < blocks; ++block) {
        const int64_t end = block * size + size < maps.rows ? block * size + size : maps.rows;
        double* sums = parts.data() + block * 2 * channels;
        for (int64_t first = block * size; first < end; first += TILE) {
            const int64_t last = first + TILE < end ? first + TILE : end;
            int64_t channel = 0;
            for (; channel + 4 * LANES <= channels; channel += 4 * LANES)
                sum_rows<4, true>(first, last, channel, channels, sums, term);
            for (; channel + LANES <= channels; channel += LANES)
                sum_rows<1, true>(first, last, channel, channels, sums, term);
            if (channel < channels) sum_rows<1, false>(first, last, channel, channels, sums, term);
        }
    }
    for (int64_t block = 0; block < blocks; ++block)
        for (int64_t at = 0; at < 2 * channels; ++at) found[at] += parts[block * 2 * channels + at];
    return found;
}

// Calls work(offset of a vector, its first channel, whether it is whole, its channels) for every vector of the maps.
template <typename Work>
void for_all(const Maps& maps, Work work) {
    const int64_t channels = maps.channels, end = channels / LANES * LANES;
#pragma omp parallel for num_threads(maps.threads) schedule(static)
    for (int64_t row = 0; row < maps.rows; ++row) {
        for (int64_t channel = 0; channel < end; channel += LANES)
            work(row * channels + channel, channel, std::true_type(), LANES);
        if (end < channels) work(row * channels + end, end, std::false_type(), channels - end);
    }
}

// x less that of the first row, and its square.
struct Values {
    const uint16_t* x;

    void fetch(int64_t at) const { soon(x + at); }

    template <bool WHOLE>
    struct Constants {
        Floats origin;
        void read(const Values& term, int64_t channel, int64_t count) {
            origin = load<WHOLE>(term.x + channel, count);
        }
        void add(const Values& term, int64_t at, int64_t count, Floats& one, Floats& two) const {
            const Floats value = load<WHOLE>(term.x + at, count) - origin;
            one += value;
            two += value * value;
        }
    };
};

// The gradient before ReLU, and it times x - mean.
template <bool RELU>
struct Gradients {
    const uint16_t *dy, *x;
    const float *mean, *scale, *shift;

    void fetch(int64_t at) const {
        soon(dy + at);
        soon(x + at);
    }

    template <bool WHOLE>
    struct Constants {
        Floats mean, scale, shift;
        void read(const Gradients& term, int64_t channel, int64_t count) {
            mean = load<WHOLE>(term.mean + channel, count);
            scale = load<WHOLE>(term.scale + channel, count);
            shift = load<WHOLE>(term.shift + channel, count);
        }
        void add(const Gradients& term, int64_t at, int64_t count, Floats& one, Floats& two) const {
            const Floats value = load<WHOLE>(term.x + at, count);
            Floats gradient = load<WHOLE>(term.dy + at, count);
            if (RELU) gradient = kept(gradient, value * scale + shift);
            one += gradient;
            two += gradient * (value - mean);
        }
    };
};

template <bool RELU>
void fill(const Maps& maps, const uint16_t* x, uint16_t* y, const float* scale, const float* shift) {
    for_all(maps, [=](int64_t at, int64_t channel, auto is_whole, int64_t count) {
        constexpr bool WHOLE = decltype(is_whole)::value;
        const Floats value = load<WHOLE>(x + at, count) * load<WHOLE>(scale + channel, count) +
                             load<WHOLE>(shift + channel, count);
        store<WHOLE>(y + at, RELU ? kept(value, value) : value, count);
    });
}

template <bool RELU>
void fill_back(const Maps& maps, const Gradients<RELU>& term, uint16_t* dx, const float* slope, const float* level) {
    for_all(maps, [=](int64_t at, int64_t channel, auto is_whole, int64_t count) {
        constexpr bool WHOLE = decltype(is_whole)::value;
        const Floats value = load<WHOLE>(term.x + at, count), scale = load<WHOLE>(term.scale + channel, count);
        Floats gradient = load<WHOLE>(term.dy + at, count);
        if (RELU) gradient = kept(gradient, value * scale + load<WHOLE>(term.shift + channel, count));
        const Floats centred = value - load<WHOLE>(term.mean + channel, count);
        store<WHOLE>(dx + at,
                     scale * gradient + load<WHOLE>(slope + channel, count) * centred +
                         load<WHOLE>(level + channel, count),
                     count);
    });
}

template <bool RELU>
void go_back(const Maps& maps, const uint16_t* dy, const uint16_t* x, uint16_t* dx, const float* saved, float* dweight,
             float* dbias) {
    const int64_t channels = maps.channels;
    const float *mean = saved, *inverse = saved + channels, *scale = saved + 2 * channels;
    const Gradients<RELU> term{dy, x, mean, scale, saved + 3 * channels};
    const std::vector<double> sums = sums_of(maps, term);
    std::vector<float> slope(channels), level(channels);
    for (int64_t channel = 0; channel < channels; ++channel) {
        const double by_bias = sums[channel], by_weight = sums[channels + channel] * inverse[channel];
        dbias[channel] = float(by_bias);
        dweight[channel] = float(by_weight);
        slope[channel] = float(-scale[channel] * inverse[channel] * by_weight / double(maps.rows));
        level[channel] = float(-scale[channel] * by_bias / double(maps.rows));
    }
    if (dx) fill_back(maps, term, dx, slope.data(), level.data());
}

}  // namespace

extern "C" {

// y = scale * x + shift, of which ReLU keeps what is positive. saved (4, channels): mean, 1 / deviation, scale, shift.
void norm_values(const uint16_t* x, uint16_t* y, int64_t rows, int64_t channels, const float* saved, int relu,
                 int threads) {
    const Maps maps(rows, channels, threads);
    (relu ? fill<true> : fill<false>)(maps, x, y, saved + 2 * channels, saved + 3 * channels);
}

// The batch's own statistics into `saved`, and by `momentum` into the running ones where they are not null; y by them.
void norm_forward(const uint16_t* x, uint16_t* y, int64_t rows, int64_t channels, const float* weight,
                  const float* bias, float* running_mean, float* running_var, double momentum, double eps,
                  float* saved, int relu, int threads) {
    const std::vector<double> sums = sums_of(Maps(rows, channels, threads), Values{x});
    const double count = double(rows);
    for (int64_t channel = 0; channel < channels; ++channel) {
        const uint32_t bits = uint32_t(x[channel]) << 16;
        float origin;
        std::memcpy(&origin, &bits, sizeof origin);
        const double off = sums[channel] / count, mean = origin + off;
        double variance = sums[channels + channel] / count - off * off;
        if (variance < 0) variance = 0;
        const double inverse = 1 / std::sqrt(variance + eps), scale = weight[channel] * inverse;
        saved[channel] = float(mean);
        saved[channels + channel] = float(inverse);
        saved[2 * channels + channel] = float(scale);
        saved[3 * channels + channel] = float(bias[channel] - mean * scale);
        if (running_mean) {
            running_mean[channel] = float((1 - momentum) * running_mean[channel] + momentum * mean);
            running_var[channel] =
                float((1 - momentum) * running_var[channel] + momentum * variance * count / (count - 1));
        }
    }
    norm_values(x, y, rows, channels, saved, relu, threads);
}

// Gradients of weight, bias and, where dx is not null, of x.
void norm_backward(const uint16_t* dy, const uint16_t* x, uint16_t* dx, int64_t rows, int64_t channels,
                   const float* saved, float* dweight, float* dbias, int relu, int threads) {
    const Maps maps(rows, channels, threads);
    (relu ? go_back<true> : go_back<false>)(maps, dy, x, dx, saved, dweight, dbias);
}
}

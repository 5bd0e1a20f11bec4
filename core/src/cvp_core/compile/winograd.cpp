// OpenVINO's 3x3 convolution by Winograd's algorithm: 4x4 pixels of an answer take 36 products instead of 144, or 2x2
// pixels 16 instead of 36 (Lavin and Gray 2015, sections 4.1 and 4.3, arXiv 1509.09308).
//
// Maps come and go as (N, height, width, channels), so that vectors hold channels, whatever the width. Tiles of 6x6
// pixels become 36 points (forth); at each point a matrix product over the channels is done; the 36 become 4x4 pixels
// (back). Some lines of tiles at a time go all the way, so that what lies between stays in the cache.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <openvino/core/op_extension.hpp>
#include <openvino/op/op.hpp>

namespace {

typedef float Floats __attribute__((vector_size(64)));

constexpr int64_t LANES = 16;        // channels of a vector
constexpr int64_t WIDE = 2 * LANES;  // outputs that a product has at a time
constexpr int64_t TALL = 14;         // tiles that a product has at a time, at most: 28 sums fill the registers
constexpr int64_t CACHED = 1 << 18;  // values between the passes that stay in a core's cache

inline Floats load(const float* from) {
    Floats values;
    std::memcpy(&values, from, sizeof values);
    return values;
}

inline void store(float* to, Floats values) { std::memcpy(to, &values, sizeof values); }

// A thread that waits here takes up no other work meanwhile, which could wait for what this thread is at.
template <typename Work>
void for_all(int64_t first, int64_t last, const Work& work) {
    tbb::this_task_arena::isolate([&] { tbb::parallel_for(first, last, work); });
}

// Pixels a side of a tile, before and after; forth: a line of a tile of the input, or of three weights; back: a line of
// a tile's products.
struct FourByFour {
    static constexpr int64_t SIDE = 6, KEPT = 4, POINTS = SIDE * SIDE;

    static void forth(const Floats* d, Floats* found) {
        const Floats a = d[4] - 4.0f * d[2], b = d[3] - 4.0f * d[1], c = d[4] - d[2], e = 2.0f * (d[3] - d[1]);
        found[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
        found[1] = a + b;
        found[2] = a - b;
        found[3] = c + e;
        found[4] = c - e;
        found[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
    }

    static void forth_weights(Floats g0, Floats g1, Floats g2, Floats* found) {
        const Floats a = (g0 + g2) / -6.0f, b = g1 / 6.0f, c = g0 / 24.0f + g2 / 6.0f, d = g1 / 12.0f;
        found[0] = g0 / 4.0f;
        found[1] = a - b;
        found[2] = a + b;
        found[3] = c + d;
        found[4] = c - d;
        found[5] = g2;
    }

    static void back(const Floats* m, Floats* found) {
        const Floats a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], d = m[3] - m[4];
        found[0] = m[0] + a + c;
        found[1] = b + 2.0f * d;
        found[2] = a + 4.0f * c;
        found[3] = b + 8.0f * d + m[5];
    }
};

// Of fewer pixels a tile there are more tiles for the same weights, which are fewer too: for small maps.
struct TwoByTwo {
    static constexpr int64_t SIDE = 4, KEPT = 2, POINTS = SIDE * SIDE;

    static void forth(const Floats* d, Floats* found) {
        found[0] = d[0] - d[2];
        found[1] = d[1] + d[2];
        found[2] = d[2] - d[1];
        found[3] = d[1] - d[3];
    }

    static void forth_weights(Floats g0, Floats g1, Floats g2, Floats* found) {
        const Floats a = (g0 + g2) / 2.0f, b = g1 / 2.0f;
        found[0] = g0;
        found[1] = a + b;
        found[2] = a - b;
        found[3] = g2;
    }

    static void back(const Floats* m, Floats* found) {
        found[0] = m[0] + m[1] + m[2];
        found[1] = m[1] - m[2] - m[3];
    }
};

// Of TILES tiles by all inputs and all inputs by VECTORS * LANES outputs; `outputs` are from one tile's to the next's.
template <int TILES, int VECTORS>
void product(const float* tiles, const float* weights, int64_t inputs, int64_t outputs, float* found) {
    Floats sums[TILES][VECTORS];
    for (int tile = 0; tile < TILES; ++tile)
        for (int part = 0; part < VECTORS; ++part) sums[tile][part] = Floats{};
    for (int64_t input = 0; input < inputs; ++input) {
        Floats weight[VECTORS];
        for (int part = 0; part < VECTORS; ++part) weight[part] = load(weights + (input * VECTORS + part) * LANES);
#pragma GCC unroll 14
        for (int tile = 0; tile < TILES; ++tile) {
            const float value = tiles[tile * inputs + input];
#pragma GCC unroll 2
            for (int part = 0; part < VECTORS; ++part) sums[tile][part] += value * weight[part];
        }
    }
    for (int tile = 0; tile < TILES; ++tile)
        for (int part = 0; part < VECTORS; ++part) store(found + tile * outputs + part * LANES, sums[tile][part]);
}

typedef void (*Product)(const float*, const float*, int64_t, int64_t, float*);

template <int VECTORS>
Product product_of(int64_t tiles) {
    static constexpr Product all[TALL] = {
        product<1, VECTORS>,  product<2, VECTORS>,  product<3, VECTORS>,  product<4, VECTORS>, product<5, VECTORS>,
        product<6, VECTORS>,  product<7, VECTORS>,  product<8, VECTORS>,  product<9, VECTORS>, product<10, VECTORS>,
        product<11, VECTORS>, product<12, VECTORS>, product<13, VECTORS>, product<14, VECTORS>};
    return all[tiles - 1];
}

// [point][block of up to WIDE outputs][input][output]
template <typename Tile>
struct Weights {
    static constexpr int64_t SIDE = Tile::SIDE;

    int64_t inputs, outputs;
    std::vector<float> values;

    // From (outputs, inputs, 3, 3).
    Weights(const float* plain, int64_t outputs, int64_t inputs)
        : inputs(inputs), outputs(outputs), values(size_t(Tile::POINTS * outputs * inputs)) {
        for_all(int64_t(0), outputs / LANES, [&](int64_t part) {
            const int64_t output = part * LANES, block = output / WIDE * WIDE;
            const int64_t width = std::min(WIDE, outputs - block);
            for (int64_t input = 0; input < inputs; ++input) {
                Floats g[9], half[SIDE][3], whole[SIDE];
                for (int64_t lane = 0; lane < LANES; ++lane)
                    for (int at = 0; at < 9; ++at) g[at][lane] = plain[((output + lane) * inputs + input) * 9 + at];
                for (int column = 0; column < 3; ++column) {
                    Tile::forth_weights(g[column], g[3 + column], g[6 + column], whole);
                    for (int row = 0; row < SIDE; ++row) half[row][column] = whole[row];
                }
                for (int row = 0; row < SIDE; ++row) {
                    Tile::forth_weights(half[row][0], half[row][1], half[row][2], whole);
                    for (int column = 0; column < SIDE; ++column)
                        store(values.data() + ((row * SIDE + column) * outputs + block) * inputs + input * width +
                                  output - block,
                              whole[column]);
                }
            }
        });
    }
};

// What lies between the passes; kept from one call to the next, for fresh memory has to be cleared page by page.
struct Between {
    std::vector<float> points, products;
};

class Shelf {
public:
    std::unique_ptr<Between> take() {
        const std::lock_guard<std::mutex> lock(guard_);
        if (idle_.empty()) return std::make_unique<Between>();
        auto found = std::move(idle_.back());
        idle_.pop_back();
        return found;
    }

    void put(std::unique_ptr<Between> used) {
        const std::lock_guard<std::mutex> lock(guard_);
        idle_.push_back(std::move(used));
    }

private:
    std::mutex guard_;
    std::vector<std::unique_ptr<Between>> idle_;
};

Shelf shelf;

struct Maps {
    int64_t count, height, width;
};

// One tile, all inputs: `step` values from one point to the next.
template <typename Tile>
void tile_forth(const Maps& maps, const float* map, int64_t top, int64_t left, int64_t inputs, int64_t step,
                float* points) {
    constexpr int64_t SIDE = Tile::SIDE;
    for (int64_t channel = 0; channel < inputs; channel += LANES) {
        Floats half[SIDE][SIDE], line[SIDE], found[SIDE];
        for (int64_t column = 0; column < SIDE; ++column) {
            const bool is_inside = left + column >= 0 && left + column < maps.width;
            for (int64_t row = 0; row < SIDE; ++row)
                line[row] = is_inside && top + row >= 0 && top + row < maps.height
                                ? load(map + ((top + row) * maps.width + left + column) * inputs + channel)
                                : Floats{};
            Tile::forth(line, found);
            for (int64_t row = 0; row < SIDE; ++row) half[row][column] = found[row];
        }
        for (int64_t row = 0; row < SIDE; ++row) {
            Tile::forth(half[row], found);
            for (int64_t column = 0; column < SIDE; ++column)
                store(points + (row * SIDE + column) * step + channel, found[column]);
        }
    }
}

template <typename Tile>
void tile_back(const Maps& maps, const float* products, int64_t step, const float* bias, bool relu, int64_t top,
               int64_t left, int64_t outputs, float* map) {
    constexpr int64_t SIDE = Tile::SIDE, KEPT = Tile::KEPT;
    for (int64_t channel = 0; channel < outputs; channel += LANES) {
        const Floats shift = bias ? load(bias + channel) : Floats{};
        Floats half[KEPT][SIDE], line[SIDE], found[KEPT];
        for (int64_t column = 0; column < SIDE; ++column) {
            for (int64_t row = 0; row < SIDE; ++row)
                line[row] = load(products + (row * SIDE + column) * step + channel);
            Tile::back(line, found);
            for (int64_t row = 0; row < KEPT; ++row) half[row][column] = found[row];
        }
        for (int64_t row = 0; row < std::min(KEPT, maps.height - top); ++row) {
            Tile::back(half[row], found);
            for (int64_t column = 0; column < std::min(KEPT, maps.width - left); ++column) {
                const Floats value = found[column] + shift;
                store(map + ((top + row) * maps.width + left + column) * outputs + channel,
                      relu ? (value < 0.0f ? Floats{} : value) : value);
            }
        }
    }
}

template <typename Tile>
void convolve(const Maps& maps, const float* x, const Weights<Tile>& weights, const float* bias, bool relu, float* y) {
    constexpr int64_t KEPT = Tile::KEPT, POINTS = Tile::POINTS;
    const int64_t inputs = weights.inputs, outputs = weights.outputs;
    const int64_t across = (maps.width + KEPT - 1) / KEPT, down = (maps.height + KEPT - 1) / KEPT;
    const int64_t lines = maps.count * down;  // of tiles, in all pictures
    // Not less between the passes than there are weights, which are read once for each of these parts.
    const int64_t room = std::max(CACHED, int64_t(weights.values.size())) / (POINTS * (inputs + outputs));
    const int64_t part = std::min(lines, std::max<int64_t>(1, room / across));
    // A vector more, or the points of a tile would lie a power of two apart and push one another out of the cache.
    const int64_t in_step = part * across * inputs + LANES, out_step = part * across * outputs + LANES;
    auto between = shelf.take();
    if (between->points.size() < size_t(POINTS * in_step)) between->points.resize(size_t(POINTS * in_step));
    if (between->products.size() < size_t(POINTS * out_step)) between->products.resize(size_t(POINTS * out_step));
    float *points = between->points.data(), *products = between->products.data();

    for (int64_t first = 0; first < lines; first += part) {
        const int64_t last = std::min(lines, first + part), tiles = (last - first) * across;
        for_all(first, last, [&](int64_t line) {
            const float* map = x + line / down * maps.height * maps.width * inputs;
            for (int64_t tile = 0; tile < across; ++tile)
                tile_forth<Tile>(maps, map, line % down * KEPT - 1, tile * KEPT - 1, inputs, in_step,
                           points + ((line - first) * across + tile) * inputs);
        });
        const int64_t blocks = (tiles + TALL - 1) / TALL, tall = (tiles + blocks - 1) / blocks;
        for_all(int64_t(0), POINTS, [&](int64_t point) {
            for (int64_t output = 0; output < outputs; output += WIDE) {
                const auto fitting = outputs - output < WIDE ? product_of<1> : product_of<2>;
                const float* block = weights.values.data() + (point * outputs + output) * inputs;
                for (int64_t tile = 0; tile < tiles; tile += tall)
                    fitting(std::min(tall, tiles - tile))(points + point * in_step + tile * inputs, block, inputs,
                                                          outputs,
                                                          products + point * out_step + tile * outputs + output);
            }
        });
        for_all(first, last, [&](int64_t line) {
            float* map = y + line / down * maps.height * maps.width * outputs;
            for (int64_t tile = 0; tile < across; ++tile)
                tile_back<Tile>(maps, products + ((line - first) * across + tile) * outputs, out_step, bias, relu,
                          line % down * KEPT, tile * KEPT, outputs, map);
        });
    }
    shelf.put(std::move(between));
}

// Of maps, bias, ReLU or not, to maps.
typedef std::function<void(const Maps&, const float*, const float*, bool, float*)> Convolution;

template <typename Tile>
Convolution convolution(const float* plain, int64_t outputs, int64_t inputs) {
    const auto weights = std::make_shared<const Weights<Tile>>(plain, outputs, inputs);
    return [weights](const Maps& maps, const float* x, const float* bias, bool relu, float* y) {
        convolve(maps, x, *weights, bias, relu, y);
    };
}

// (N, height, width, inputs), weights (outputs, inputs, 3, 3) and, if there is one, a bias of `outputs` values, to
// (N, height, width, outputs); padded by one pixel. Channels come in multiples of LANES. kept: 4 or 2 pixels a side.
class WinogradConvolution : public ov::op::Op {
public:
    OPENVINO_OP("WinogradConvolution", "cvp");

    WinogradConvolution() = default;
    WinogradConvolution(const ov::OutputVector& inputs, bool relu, int64_t kept)
        : Op(inputs), relu_(relu), kept_(kept) {
        constructor_validate_and_infer_types();
    }

    void validate_and_infer_types() override {
        auto shape = get_input_partial_shape(0);
        const auto weights = get_input_partial_shape(1);
        NODE_VALIDATION_CHECK(this, shape.size() == 4 && weights.is_static() && weights.size() == 4);
        NODE_VALIDATION_CHECK(this, shape[3] == weights[1] && weights[0].get_length() % LANES == 0 &&
                                        weights[1].get_length() % LANES == 0);
        NODE_VALIDATION_CHECK(this, kept_ == FourByFour::KEPT || kept_ == TwoByTwo::KEPT);
        shape[3] = weights[0];
        set_output_type(0, get_input_element_type(0), shape);
    }

    std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector& inputs) const override {
        return std::make_shared<WinogradConvolution>(inputs, relu_, kept_);
    }

    bool visit_attributes(ov::AttributeVisitor& visitor) override {
        visitor.on_attribute("relu", relu_);
        visitor.on_attribute("kept", kept_);
        return true;
    }

    bool has_evaluate() const override { return get_input_element_type(0) == ov::element::f32; }

    bool evaluate(ov::TensorVector& outputs, const ov::TensorVector& inputs) const override {
        const auto& shape = inputs[0].get_shape();
        const auto& kernel = inputs[1].get_shape();
        std::call_once(is_ready_, [&] {
            const auto make = kept_ == FourByFour::KEPT ? convolution<FourByFour> : convolution<TwoByTwo>;
            convolution_ = make(inputs[1].data<const float>(), int64_t(kernel[0]), int64_t(kernel[1]));
        });
        outputs[0].set_shape({shape[0], shape[1], shape[2], kernel[0]});
        const Maps maps{int64_t(shape[0]), int64_t(shape[1]), int64_t(shape[2])};
        const float* bias = inputs.size() > 2 ? inputs[2].data<const float>() : nullptr;
        convolution_(maps, inputs[0].data<const float>(), bias, relu_, outputs[0].data<float>());
        return true;
    }

private:
    bool relu_ = false;
    int64_t kept_ = FourByFour::KEPT;
    mutable std::once_flag is_ready_;
    mutable Convolution convolution_;  // weights are constants, so the first call's are all calls'
};

}  // namespace

OPENVINO_CREATE_EXTENSIONS(std::vector<ov::Extension::Ptr>({std::make_shared<ov::OpExtension<WinogradConvolution>>()}));

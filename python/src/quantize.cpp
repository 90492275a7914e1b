// Quantized models.
#include <keel/data/sources/joined_splits.h>
#include <keel/embed/images.h>
#include <keel/embed/loaded_model.h>
#include <keel/train/quantized_model.h>

#include <pybind11/stl.h>

#include "src/bindings.h"
#include "src/convert.h"
#include "src/data.h"
#include "src/signals.h"

namespace keel::python {
namespace {

constexpr std::int64_t kBatch = 10;  // images, as keel quantize takes them
constexpr const char* kArithmetics[] = {"int8", "int8 requantized", "fp32"};

py::dict dict_of(const QuantizeReport& report, const std::vector<std::string>& remarks) {
    py::dict candidates;
    for (const QuantizeReport::Candidate& candidate : report.candidates)
        candidates[text(name(candidate.method))] = candidate.error;
    py::list layers, fallbacks;
    for (const LayerReport& layer : report.layers)
        layers.append(py::make_tuple(text(layer.name), kArithmetics[static_cast<std::size_t>(layer.arithmetic)],
                                     layer.snr_db, layer.own_snr_db));
    for (const Fallback& fallback : report.fallbacks) fallbacks.append(text(fallback.name));
    py::dict result;
    result["method"] = text(name(report.method));
    result["candidates"] = candidates;
    result["layers"] = layers;
    result["fallbacks"] = fallbacks;
    result["warnings"] = texts(report.warnings);
    result["logits_error"] = report.logits_error;
    result["same_on_every_isa"] = report.same_on_every_isa;
    result["images"] = report.images;
    result["held_out"] = report.held_out;
    result["remarks"] = texts(remarks);
    return result;
}

QuantizeOptions options_of(const std::string& method, std::vector<std::string> keep, int keep_worst, double keep_below,
                           bool correct_bias) {
    QuantizeOptions options{
        .keep = std::move(keep), .keep_worst = keep_worst, .keep_below = keep_below, .correct_bias = correct_bias};
    if (method == "auto") return options;
    options.method = range_method_named(method);
    if (!options.method)
        throw UsageError("[quantize] wanted the method auto, minmax, percentile, mse or kl, got '" + method + "'");
    return options;
}

/// Images that a program brings, normalized {n, side, side, channels}, in batches of `batch` at most, so small that
/// the last quarter is one of its own.
std::vector<Tensor> batches_of(const Tensor& images, std::int64_t batch) {
    const std::int64_t n = images.dim(0), each = n > 0 ? images.elements() / n : 0;
    if (n < kLeastCalibrationImages)
        throw InputError("[quantize] wanted " + std::to_string(kLeastCalibrationImages) + " images at least, got " +
                         std::to_string(n));
    const std::int64_t size = std::min(batch, n / kLeastCalibrationImages);
    std::vector<Tensor> batches;
    for (std::int64_t begin = 0; begin < n; begin += size) {
        const std::int64_t count = std::min(size, n - begin);
        batches.push_back(Tensor::from<float>(images.values<float>().subspan(static_cast<std::size_t>(begin * each),
                                                                             static_cast<std::size_t>(count * each)),
                                              {count, images.dim(1), images.dim(2), images.dim(3)}));
    }
    return batches;
}

/// Returns the images to calibrate with, and adds what is to be known of them to `remarks`.
using Images = std::function<std::vector<Tensor>(const ModelSpec& spec, std::vector<std::string>& remarks)>;

py::dict quantize_file(const py::object& checkpoint, const py::object& out, const QuantizeOptions& options,
                       const Images& images) {
    const std::filesystem::path from = path_of(checkpoint), to = path_of(out);
    Interrupts interrupts;
    std::vector<std::string> remarks;
    std::optional<Quantized> quantized;
    {
        const py::gil_scoped_release released;
        const LoadedGraph model = load_graph(from);
        struct Stopped {};
        try {
            quantized = quantize(model.graph, images(model.spec, remarks), options, [&](const std::string&) {
                if (interrupts.stop()) throw Stopped();
            });
            save_quantized(to, model.spec, *quantized, from.string());
        } catch (const Stopped&) {
        }
    }
    interrupts.rethrow();
    return dict_of(quantized->report, remarks);
}

/// What quantize_by_data() draws its images of.
struct DataImages {
    DataWanted data;
    std::string checkpoint;
    std::int64_t count;
    std::uint64_t seed;

    std::vector<Tensor> operator()(const ModelSpec& spec, std::vector<std::string>& remarks) const {
        std::unique_ptr<Dataset> dataset = open_wanted(data, checkpoint, remarks);
        LoaderOptions loader;
        loader.split = take_split(dataset, data.split);
        loader.transform = transform_of(spec);
        loader.batch_size = kBatch;
        loader.seed = seed;
        loader.on_bad_image = [&](const BadImage& bad) {
            remarks.push_back("skipped " + bad.name + ": " + bad.reason);
        };
        return calibration_images(*dataset, loader, count);
    }
};

}  // namespace

void bind_quantize(py::module_& m) {
    m.def(
        "quantize",
        [](const py::object& checkpoint, const py::object& out, const FloatArray& images, const std::string& method,
           std::vector<std::string> keep, int keep_worst, double keep_below, bool correct_bias) {
            const Tensor all = borrowed(images);
            return quantize_file(checkpoint, out,
                                 options_of(method, std::move(keep), keep_worst, keep_below, correct_bias),
                                 [&](const ModelSpec&, std::vector<std::string>&) { return batches_of(all, kBatch); });
        },
        py::arg("checkpoint"), py::arg("out"), py::arg("images").noconvert(), py::kw_only(), py::arg("method"),
        py::arg("keep"), py::arg("keep_worst"), py::arg("keep_below"), py::arg("correct_bias"));
    m.def(
        "quantize_by_data",
        [](const py::object& checkpoint, const py::object& out, const std::string& data, const std::string& split,
           std::int64_t count, std::uint64_t seed, std::map<std::string, std::string> data_options,
           const std::string& method, std::vector<std::string> keep, int keep_worst, double keep_below,
           bool correct_bias) {
            const DataImages images{{data, split, std::move(data_options)}, path_of(checkpoint).string(), count, seed};
            return quantize_file(checkpoint, out,
                                 options_of(method, std::move(keep), keep_worst, keep_below, correct_bias), images);
        },
        py::arg("checkpoint"), py::arg("out"), py::arg("data"), py::kw_only(), py::arg("split"), py::arg("count"),
        py::arg("seed"), py::arg("data_options"), py::arg("method"), py::arg("keep"), py::arg("keep_worst"),
        py::arg("keep_below"), py::arg("correct_bias"));
}

}  // namespace keel::python

// Scores of predictions, as keel eval and keel score make them.
#include <keel/engine/metrics.h>
#include <keel/engine/score_curve.h>
#include <keel/train/threshold.h>

#include <pybind11/stl.h>

#include <span>

#include "src/bindings.h"
#include "src/convert.h"

namespace keel::python {
namespace {

template <class T, int flags>
std::span<const T> span_of(const py::array_t<T, flags>& array) {
    return {array.data(), static_cast<std::size_t>(array.size())};
}

py::object pair_or_none(const std::optional<Interval>& interval) {
    return interval ? py::object(py::make_tuple(interval->low, interval->high)) : py::object(py::none());
}

/// (threshold, sensitivity, specificity), or None.
py::object point_or_none(const std::optional<OperatingPoint>& point) {
    return point ? py::object(py::make_tuple(point->threshold, point->sensitivity, point->specificity))
                 : py::object(py::none());
}

/// (thresholds, true positives, false positives), an array each.
py::tuple points_of_curve(const ScoreCurve& curve) {
    const auto count = static_cast<py::ssize_t>(curve.points.size());
    py::array_t<double> thresholds(count);
    py::array_t<std::int64_t> hits(count), alarms(count);
    for (py::ssize_t i = 0; i < count; ++i) {
        const CurvePoint& point = curve.points[static_cast<std::size_t>(i)];
        thresholds.mutable_at(i) = point.threshold;
        hits.mutable_at(i) = point.true_positives;
        alarms.mutable_at(i) = point.false_positives;
    }
    return py::make_tuple(thresholds, hits, alarms);
}

/// A 2-D array's columns.
std::int64_t columns_of(const py::array& array) {
    if (array.ndim() != 2) throw UsageError("[metrics] wanted an array of 2 axes, got " + std::to_string(array.ndim()));
    return array.shape(1);
}

}  // namespace

void bind_metrics(py::module_& m) {
    py::class_<ScoreCurve>(m, "ScoreCurve", py::is_final())
        .def(py::init([](const DoubleArray& scores, const FloatArray& targets) {
                 const py::gil_scoped_release released;
                 return score_curve(span_of(scores), span_of(targets));
             }),
             py::arg("scores").noconvert(), py::arg("targets").noconvert())
        .def_readonly("positives", &ScoreCurve::positives)
        .def_readonly("negatives", &ScoreCurve::negatives)
        .def("points", &points_of_curve)
        .def("auroc", [](const ScoreCurve& curve) { return auroc(curve); })
        .def("auroc_interval", [](const ScoreCurve& curve) { return pair_or_none(auroc_interval(curve)); })
        .def("average_precision", [](const ScoreCurve& curve) { return average_precision(curve); })
        .def("best_f1",
             [](const ScoreCurve& curve) {
                 const auto best = best_f1(curve);
                 return best ? py::object(py::make_tuple(best->threshold, best->f1)) : py::object(py::none());
             })
        .def("youden_point", [](const ScoreCurve& curve) { return point_or_none(youden_point(curve)); })
        .def("f1_point", [](const ScoreCurve& curve) { return point_or_none(f1_point(curve)); })
        .def(
            "sensitivity_point",
            [](const ScoreCurve& curve, double least) { return point_or_none(sensitivity_point(curve, least)); },
            py::arg("least"));
    m.def(
        "calibration_error",
        [](const DoubleArray& probabilities, const FloatArray& targets, int bins) {
            return calibration_error(span_of(probabilities), span_of(targets), bins);
        },
        py::arg("probabilities").noconvert(), py::arg("targets").noconvert(), py::arg("bins"));
    m.def(
        "label_auroc",
        [](const FloatArray& scores, const FloatArray& targets) {
            const std::int64_t labels = columns_of(scores);
            const LabelAuroc result = label_auroc(span_of(scores), span_of(targets), labels);
            return py::make_tuple(result.per_label, result.mean);
        },
        py::arg("scores").noconvert(), py::arg("targets").noconvert());
    m.def(
        "accuracy",
        [](const FloatArray& scores, const ClassArray& classes) {
            return accuracy(span_of(scores), span_of(classes), columns_of(scores));
        },
        py::arg("scores").noconvert(), py::arg("classes").noconvert());
    m.def(
        "class_auc",
        [](const FloatArray& probabilities, const ClassArray& classes) {
            return class_auc(span_of(probabilities), span_of(classes), columns_of(probabilities));
        },
        py::arg("probabilities").noconvert(), py::arg("classes").noconvert());
    m.def(
        "fit_platt",
        [](const DoubleArray& logits, const FloatArray& targets) {
            return fit_platt(span_of(logits), span_of(targets));
        },
        py::arg("logits").noconvert(), py::arg("targets").noconvert());
}

}  // namespace keel::python

// The difference between oneDNN 2.x (op descriptors) and 3.x (primitive descriptors made directly), and nothing else.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

namespace keel::kernels::onednn {

using ForwardPd = dnnl::convolution_forward::primitive_desc;
using BackwardDataPd = dnnl::convolution_backward_data::primitive_desc;
using BackwardWeightsPd = dnnl::convolution_backward_weights::primitive_desc;

/// What describes a convolution of either direction; `src` stands for diff_src as well, and so on. A zero `bias` is no
/// bias.
struct ConvDescs {
    dnnl::memory::desc src, weights, bias, dst;
    dnnl::memory::dims strides, dilates, pads, far_pads;  ///< [h, w]; dilates count from 0
};

#if DNNL_VERSION_MAJOR >= 3

inline void append_relu(dnnl::post_ops& ops) { ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0F, 0.0F); }

inline ForwardPd make_forward_pd(const dnnl::engine& engine, dnnl::prop_kind kind, const ConvDescs& d,
                                 const dnnl::primitive_attr& attr) {
    return {engine, kind,       dnnl::algorithm::convolution_direct,
            d.src,  d.weights,  d.bias,
            d.dst,  d.strides,  d.dilates,
            d.pads, d.far_pads, attr};
}

inline BackwardDataPd make_backward_data_pd(const dnnl::engine& engine, const ConvDescs& d, const ForwardPd& hint,
                                            const dnnl::primitive_attr& attr) {
    return {engine,     dnnl::algorithm::convolution_direct,
            d.src,      d.weights,
            d.dst,      d.strides,
            d.dilates,  d.pads,
            d.far_pads, hint,
            attr};
}

inline BackwardWeightsPd make_backward_weights_pd(const dnnl::engine& engine, const ConvDescs& d, const ForwardPd& hint,
                                                  const dnnl::primitive_attr& attr) {
    return {engine,    dnnl::algorithm::convolution_direct,
            d.src,     d.weights,
            d.bias,    d.dst,
            d.strides, d.dilates,
            d.pads,    d.far_pads,
            hint,      attr};
}

#else

inline void append_relu(dnnl::post_ops& ops) { ops.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F); }

inline ForwardPd make_forward_pd(const dnnl::engine& engine, dnnl::prop_kind kind, const ConvDescs& d,
                                 const dnnl::primitive_attr& attr) {
    return {{kind, dnnl::algorithm::convolution_direct, d.src, d.weights, d.bias, d.dst, d.strides, d.dilates, d.pads,
             d.far_pads},
            attr,
            engine};
}

inline BackwardDataPd make_backward_data_pd(const dnnl::engine& engine, const ConvDescs& d, const ForwardPd& hint,
                                            const dnnl::primitive_attr& attr) {
    return {{dnnl::algorithm::convolution_direct, d.src, d.weights, d.dst, d.strides, d.dilates, d.pads, d.far_pads},
            attr,
            engine,
            hint};
}

inline BackwardWeightsPd make_backward_weights_pd(const dnnl::engine& engine, const ConvDescs& d, const ForwardPd& hint,
                                                  const dnnl::primitive_attr& attr) {
    return {{dnnl::algorithm::convolution_direct, d.src, d.weights, d.bias, d.dst, d.strides, d.dilates, d.pads,
             d.far_pads},
            attr,
            engine,
            hint};
}

#endif

}  // namespace keel::kernels::onednn

#include "tests/cli/hostile_rows.h"

namespace keel::test {

std::vector<Row> hostile_torch_files() {
    return {
        {load("@torch/good.pth"), 3, "no checkpoint of Keel: its tensors are of no model that Keel has"},
        {load("@torch/good_stream.pth"), 3, "no checkpoint of Keel: its tensors are of no model that Keel has"},
        {load("@safetensors/pytorch.pth"), 3, "no end of central directory"},
        {load("@safetensors/pickle.pth"), 3, "the pickle is malformed at byte"},
        {load("@torch/bomb.pth"), 3, "too many values"},
        {load("@torch/text_huge.pth"), 3, "the pickle is malformed at byte"},
        {load("@torch/memo.pth"), 3, "the pickle is malformed at byte"},
        {load("@torch/stack.pth"), 3, "the pickle is malformed at byte"},
        {load("@torch/calls.pth"), 3, "there are no tensors in it"},
        {load("@torch/no_tensors.pth"), 3, "no tensors where training scripts keep them"},
        {load("@torch/ring.pth"), 3, "modules within modules without an end"},
        {load("@torch/deep.pth"), 3, "modules within modules without an end"},
        {load("@torch/lies.pth"), 3, "claims 300 elements of 4 bytes"},
        {load("@torch/beyond.pth"), 3, "a tensor that reaches beyond its storage"},
        {load("@torch/offset_huge.pth"), 3, "a tensor that reaches beyond its storage"},
        {load("@torch/offset_negative.pth"), 3, "is no whole number of at least 0"},
        {load("@torch/dims_negative.pth"), 3, "is no whole number of at least 0"},
        {load("@torch/dims_overflow.pth"), 3, "a tensor that reaches beyond its storage"},
        {load("@torch/dims_five.pth"), 3, "wanted 4 at most"},
        {load("@torch/dims_none.pth"), 3, "a tensor without elements"},
        {load("@torch/strides_negative.pth"), 3, "is no whole number of at least 0"},
        {load("@torch/strides_overlap.pth"), 3, "strides by which elements share memory"},
        {load("@torch/strides_zero.pth"), 3, "strides by which elements share memory"},
        {load("@torch/strides_fewer.pth"), 3, "more dims than strides, or fewer"},
        {load("@torch/storage_copies.pth"), 3, "times the bytes of their storages"},
        {load("@torch/storage_missing.pth"), 3, "is not there"},
        {load("@torch/storage_folder.pth"), 3, "is not there"},
        {load("@torch/storage_type.pth"), 3, "a type of elements that is not known"},
        {load("@torch/storage_none.pth"), 3, "a tensor without a storage"},
        {load("@torch/two_pickles.pth"), 3, "two pickles"},
        {load("@torch/no_pickle.pth"), 3, "a zip archive without data.pkl"},
        {load("@torch/torchscript.pth"), 3, "a TorchScript archive"},
        {load("@torch/big_endian.pth"), 3, "written on a big-endian machine"},
        {load("@torch/stream_big_endian.pth"), 3, "written on a big-endian machine"},
        {load("@torch/stream_version.pth"), 3, "wanted version 1001 of the stream"},
        {load("@torch/stream_counts.pth"), 3, "the file ends before its storages do"},
        {load("@torch/stream_cut.pth"), 3, "the file ends before its storages do"},
        {load("@torch/stream_keys.pth"), 3, "is of no tensor"},
        {load("@torch/cut.pth"), 3, "no end of central directory"},
    };
}

}  // namespace keel::test

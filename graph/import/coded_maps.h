// What coded() (graph/import/codes.h) knows of each map: as floats, as quantized values, or both, and where these lie.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/quantize/histogram.h"

namespace keel::graph {

/// Quantized values of a map and what they stand for, channel by channel.
struct MapCodes {
    Value at;  ///< in the graph that is made
    std::vector<QuantParams> params;

    /// Whether get(params) is one for all channels.
    template <class Get>
    bool alike(Get get) const {
        for (const QuantParams& p : params)
            if (get(p) != get(params.front())) return false;
        return true;
    }
};

bool overlapping(const Value& a, const Value& b);
bool reads_from(const Node& node, const Value& value);

/// Values are those of the graph of floats; the graph that is made has its buffers, under the same numbers, and buffers
/// of quantized values behind them. Several values may lie in the same quantized ones, which stand for other numbers
/// then.
class CodedMaps {
public:
    /// Refers to both, which must stay.
    CodedMaps(const Graph& rounded, Graph& made);

    /// Says which node of floats is looked at: what no later one reads may be overwritten.
    void go_to(std::size_t step) { step_ = step; }
    /// Whether a later node than the current one, or who asks for the result, reads the buffer.
    bool read_later(const Value& value) const { return last_read_[static_cast<std::size_t>(value.buffer)] > step_; }
    /// Whether only this value lies in these quantized ones, of those that are still read.
    bool alone(const MapCodes& codes, const Value& value) const;

    /// None: they are not all known as quantized values that lie side by side.
    std::optional<MapCodes> codes_of(const Value& value) const;
    /// Makes floats of what is known as quantized values alone.
    void floats_of(const Value& value, const std::string& name);

    void append(const std::string& name, const Value& src, const Value& dst, Op op);
    /// Says that a node has written floats.
    void written(const Value& value);
    /// Makes room for quantized values, which no other value that is still read lies in.
    Value room_for(const Value& value);
    Value new_room(const Value& value);
    /// Says that a value lies in these quantized ones.
    void lies_in(const Value& value, const MapCodes& codes);

private:
    struct Channel {
        bool floats = false;
        int codes = -1;  ///< the buffer, or none
        std::int64_t at = 0;
        QuantParams params{};
    };

    bool taken(const Value& room, const Value& by_others_than) const;

    const Graph& rounded_;
    Graph& made_;
    std::vector<std::vector<Channel>> channels_;  ///< of each buffer of floats
    std::vector<int> beside_;                     ///< the quantized buffer that each of floats writes to, or -1
    std::vector<std::size_t> last_read_;          ///< of each buffer of floats
    std::map<int, std::set<int>> users_;          ///< buffers of floats that lie in one of quantized values
    std::size_t step_ = 0;
};

}  // namespace keel::graph

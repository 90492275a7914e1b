#include "graph/import/coded_maps.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "graph/ops/quant_convert.h"

namespace keel::graph {

bool overlapping(const Value& a, const Value& b) {
    return a.buffer == b.buffer && a.first < b.first + b.c && b.first < a.first + a.c;
}

bool reads_from(const Node& node, const Value& value) {
    bool found = false;
    for_each_read(node, [&](const Value& read, std::string_view) { found = found || overlapping(read, value); });
    return found;
}

CodedMaps::CodedMaps(const Graph& rounded, Graph& made)
    : rounded_(rounded), made_(made), beside_(rounded.buffers.size(), -1), last_read_(rounded.buffers.size()) {
    made.buffers = rounded.buffers;
    made.src = rounded.src;
    made.dst = rounded.dst;
    for (const Buffer& buffer : rounded.buffers) channels_.emplace_back(static_cast<std::size_t>(buffer.c));
    for (std::size_t i = 0; i < rounded.nodes.size(); ++i)
        for_each_read(rounded.nodes[i], [&](const Value& read, std::string_view) {
            last_read_[static_cast<std::size_t>(read.buffer)] = i;
        });
    last_read_[static_cast<std::size_t>(rounded.dst.buffer)] = std::numeric_limits<std::size_t>::max();
    written(rounded.src);
}

std::optional<MapCodes> CodedMaps::codes_of(const Value& value) const {
    const auto& channels = channels_[static_cast<std::size_t>(value.buffer)];
    const Channel& first = channels[static_cast<std::size_t>(value.first)];
    MapCodes codes{{first.codes, first.at, value.c}, {}};
    for (std::int64_t i = 0; i < value.c; ++i) {
        const Channel& channel = channels[static_cast<std::size_t>(value.first + i)];
        if (channel.codes < 0 || channel.codes != first.codes || channel.at != first.at + i) return {};
        codes.params.push_back(channel.params);
    }
    return codes;
}

void CodedMaps::floats_of(const Value& value, const std::string& name) {
    auto& channels = channels_[static_cast<std::size_t>(value.buffer)];
    for (std::int64_t i = value.first; i < value.first + value.c; ++i) {
        Dequantize op;
        const Value from{channels[static_cast<std::size_t>(i)].codes, channels[static_cast<std::size_t>(i)].at, 0};
        const std::int64_t first = i;
        for (; i < value.first + value.c; ++i) {
            Channel& channel = channels[static_cast<std::size_t>(i)];
            if (channel.floats || channel.codes != from.buffer || channel.at != from.first + i - first) break;
            op.scale.push_back(channel.params.scale);
            op.shift.push_back(-channel.params.scale * static_cast<float>(channel.params.zero));
            channel.floats = true;
        }
        if (i == first) continue;
        const std::int64_t count = i-- - first;
        append(name + ".dequantise", {from.buffer, from.first, count}, {value.buffer, first, count}, std::move(op));
    }
}

void CodedMaps::append(const std::string& name, const Value& src, const Value& dst, Op op) {
    made_.nodes.push_back({name, src, dst, std::move(op)});
}

void CodedMaps::written(const Value& value) {
    auto& channels = channels_[static_cast<std::size_t>(value.buffer)];
    std::fill_n(channels.begin() + value.first, value.c, Channel{true, -1, 0, {}});
}

/// Whether a value that is read from now on, and is not the one given, lies in the room.
bool CodedMaps::taken(const Value& room, const Value& by_others_than) const {
    const auto users = users_.find(room.buffer);
    if (users == users_.end()) return false;
    for (const int user : users->second) {
        const auto b = static_cast<std::size_t>(user);
        if (last_read_[b] < step_) continue;
        for (std::size_t c = 0; c < channels_[b].size(); ++c) {
            const Channel& channel = channels_[b][c];
            const bool own = overlapping({user, static_cast<std::int64_t>(c), 1}, by_others_than);
            if (!own && overlapping({channel.codes, channel.at, 1}, room)) return true;
        }
    }
    return false;
}

bool CodedMaps::alone(const MapCodes& codes, const Value& value) const { return !taken(codes.at, value); }

Value CodedMaps::room_for(const Value& value) {
    const Value room{beside_[static_cast<std::size_t>(value.buffer)], value.first, value.c};
    return room.buffer < 0 || taken(room, value) ? new_room(value) : room;
}

Value CodedMaps::new_room(const Value& value) {
    Buffer map = rounded_.map(value);
    map.quantized = true;
    const int buffer = static_cast<int>(made_.buffers.size());
    made_.buffers.push_back(map);
    beside_[static_cast<std::size_t>(value.buffer)] = buffer;
    return {buffer, value.first, value.c};
}

void CodedMaps::lies_in(const Value& value, const MapCodes& codes) {
    users_[codes.at.buffer].insert(value.buffer);
    auto& channels = channels_[static_cast<std::size_t>(value.buffer)];
    for (std::int64_t i = 0; i < value.c; ++i)
        channels[static_cast<std::size_t>(value.first + i)] = {false, codes.at.buffer, codes.at.first + i,
                                                               codes.params[static_cast<std::size_t>(i)]};
}

}  // namespace keel::graph

// Files that the data tests make: encoded images, and the tables of a small NIH set.
#pragma once

#include <stb/stb_image_write.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/formats/decode.h"
#include "data/formats/stb.h"
#include "data/image.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace keel::test {

using Bytes = std::vector<std::uint8_t>;

inline void write_bytes(const std::string& path, const Bytes& bytes) {
    write_text(path, std::string(bytes.begin(), bytes.end()));
}

inline Image noise_image(int width, int height, int channels, std::uint64_t seed) {
    Image image(width, height, channels);
    Random random(seed, Draw::bench);
    for (auto& v : image.pixels) v = static_cast<std::uint8_t>(random.below(256));
    return image;
}

inline void append_bytes(void* context, void* data, int size) {
    auto* from = static_cast<std::uint8_t*>(data);
    static_cast<Bytes*>(context)->insert(static_cast<Bytes*>(context)->end(), from, from + size);
}

inline Bytes encode_jpeg(const Image& image) {
    Bytes bytes;
    stbi_write_jpg_to_func(append_bytes, &bytes, image.width, image.height, image.channels, image.pixels.data(), 90);
    return bytes;
}

inline Bytes encode_bmp(const Image& image) {
    Bytes bytes;
    stbi_write_bmp_to_func(append_bytes, &bytes, image.width, image.height, image.channels, image.pixels.data());
    return bytes;
}

/// What an image file is refused with; empty: it is none.
inline std::string refusal_of_image(const Bytes& file) {
    try {
        decode_image(file, 0, "x");
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

/// A file that is cut off anywhere is refused; with one byte changed, 2,000 times, it is an image or an InputError.
inline void check_damaged_images(const Bytes& whole, std::uint64_t seed) {
    for (std::size_t keep = 0; keep < whole.size(); ++keep)
        CHECK_THROWS_AS(decode_image(std::span(whole).first(keep), 0, "x"), InputError);
    Random random(seed, Draw::bench);
    int ended = 0;
    for (int i = 0; i < 2000; ++i) {
        Bytes damaged = whole;
        damaged[random.below(static_cast<std::uint32_t>(whole.size()))] = static_cast<std::uint8_t>(random.below(256));
        try {
            ended += !decode_image(damaged, 0, "x").pixels.empty();
        } catch (const InputError&) {
            ++ended;
        }
    }
    CHECK(ended == 2000);
}

/// A set in NIH's layout: `patients` patients with two images of 8x8 each.
inline void write_nih(const std::string& root, int patients, bool lists = true) {
    std::string table =
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n";
    std::string train, test;
    for (int p = 1; p <= patients; ++p) {
        for (int k = 0; k < 2; ++k) {
            const std::string number = std::to_string(p);
            const std::string name = std::string(8 - number.size(), '0') + number + "_00" + std::to_string(k) + ".png";
            write_bytes(root + "/images/" + name,
                        encode_png(noise_image(8, 8, 1, static_cast<std::uint64_t>(p * 2 + k))));
            table += name + (k == 0 ? ",No Finding," : ",Effusion|Hernia,") + std::to_string(k) + "," + number +
                     ",61,F,PA,2482,2991,0.143,0.143\n";
            (p % 4 == 0 ? test : train) += name + "\n";
        }
    }
    write_text(root + "/Data_Entry_2017.csv", table);
    if (lists) {
        write_text(root + "/train_val_list.txt", train);
        write_text(root + "/test_list.txt", test);
    }
}

}  // namespace keel::test

// Where findings are in images, as radiologists marked them: NIH ChestX-ray14's BBox_List_2017.csv.
#pragma once

#include <string>
#include <vector>

#include "data/image.h"

namespace keel {

struct LabelledBox {
    std::string image;  ///< file name
    std::string label;
    Box box;  ///< pixels of the image as it is published (NIH: 1024 x 1024)
};

/// Reads a table with the columns `Image Index`, `Finding Label` and, under a heading that begins with `Bbox`, four
/// numbers a row: x and y of the upper left corner, width and height. NIH's word for Infiltration there, Infiltrate,
/// becomes Infiltration. Throws IoError if it cannot be read, InputError that names file and line for anything else.
std::vector<LabelledBox> read_boxes(const std::string& path);

/// Returns such a table in NIH's form.
std::string boxes_csv(const std::vector<LabelledBox>& boxes);

}  // namespace keel

#include "data/pipeline/batch_view.h"

#include "kernels/error.h"
#include "tests/support/catch.h"

using namespace keel;

TEST_CASE("A batch's images are seen without a copy", "[loader]") {
    Batch batch;
    batch.n = 2;
    batch.image_size = 3;
    batch.channels = 1;
    batch.images.assign(18, 0.5F);
    const Tensor view = view_of_images(batch);
    CHECK(view.dims() == Dims{2, 3, 3, 1});
    CHECK(view.data<float>() == batch.images.data());
    CHECK_FALSE(view.unique());
    batch.images.resize(17);
    CHECK_THROWS_AS(view_of_images(batch), UsageError);
}

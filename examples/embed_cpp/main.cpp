// Loads a model that Keel trained, and prints a probability for each of its labels and each image:
//     embed_cpp best.safetensors IMAGE...
#include <keel/embed/images.h>
#include <keel/embed/predictor.h>
#include <keel/kernels/error.h>

#include <cstdio>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: %s CHECKPOINT IMAGE...\n", argv[0]);
        return 2;
    }
    try {
        const std::vector<std::string> files(argv + 2, argv + argc);
        const keel::Predictor model(argv[1], static_cast<std::int64_t>(files.size()));
        const keel::TransformOptions transform = keel::transform_of(model.spec());

        std::vector<keel::Image> images;
        for (const std::string& file : files) images.push_back(keel::load_image(file, transform));
        const keel::Tensor scores = model.predict(keel::input_of(images, transform));  // {images, labels}

        const float* score = scores.data<float>();
        for (const std::string& file : files) {
            std::printf("%s\n", file.c_str());
            for (const std::string& label : model.spec().label_names)
                std::printf("  %s %.9g\n", label.c_str(), *score++);
        }
    } catch (const keel::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}

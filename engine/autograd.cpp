#include "engine/autograd.h"

#include <atomic>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "engine/tensor_impl.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/error.h"
#include "kernels/immortal.h"
#include "kernels/profile.h"

namespace keel {

/// One recorded operation. Nodes are numbered in the order of recording, and an operation's inputs come before it.
struct Node {
    std::uint64_t number;
    std::vector<std::shared_ptr<AutogradMeta>> inputs;  // null where no gradient is wanted
    AddingBackwardFunction backward;
    profile::Place place;  // the layer that recorded it
};

namespace {

thread_local bool recording = true;
std::atomic<std::uint64_t> next_number{0};

struct LaterFirst {
    bool operator()(const AutogradMeta* a, const AutogradMeta* b) const {
        return a->producer->number < b->producer->number;
    }
};

const Tensor& no_tensor() {
    static constinit Immortal<const Tensor> none;
    return none.get();
}

/// sum += term, in place where nobody else sees sum's memory.
void add_gradient(Tensor& sum, Tensor term) {
    if (!sum) {
        sum = std::move(term);
        return;
    }
    if (sum.dims() != term.dims() || sum.dtype() != term.dtype() || !kernels::same_layout(sum.layout(), term.layout()))
        throw UsageError("[backward] gradients of " + std::string(name(sum.dtype())) + sum.dims().text() + " and " +
                         std::string(name(term.dtype())) + term.dims().text() + " cannot be added");
    if (!sum.unique()) {
        Tensor copy = sum.empty_like();
        copy.assign(sum);
        sum = std::move(copy);
    }
    dispatch_map("backward", sum.dtype(), [&]<class T>(T) {
        const auto flat = sum.storage_elements();
        const kernels::UnaryGeometry g = sum.layout()
                                             ? kernels::UnaryGeometry{1, flat, flat, flat}
                                             : kernels::UnaryGeometry{sum.rows(), sum.channels(), term.ld(), sum.ld()};
        kernels::accumulate(g, term.data<T>(), sum.data<T>());
    });
}

/// The first gradient that comes in for a leaf with a home moves in; what comes later is added there.
void add_at_home(AutogradMeta& leaf, const Tensor& term) {
    if (!leaf.grad) {
        if (!leaf.home.same_view(term)) leaf.home.assign(term);
        leaf.grad = leaf.home;
        return;
    }
    Tensor same = term;
    if (!kernels::same_layout(term.layout(), leaf.home.layout()) || !term.dense()) {
        same = leaf.home.empty_like();
        same.assign(term);
    }
    dispatch_float("backward", same.dtype(), [&]<class T>(T) {
        const std::int64_t n = same.storage_elements();
        kernels::accumulate<T>({1, n, n, n}, same.data<T>(), leaf.home.data<T>());
    });
}

/// One backward pass: gradients on their way, and how many contributions each tensor still waits for.
class BackwardPass {
public:
    explicit BackwardPass(const std::shared_ptr<AutogradMeta>& root) { count_uses(root); }

    void run(const std::shared_ptr<AutogradMeta>& root, Tensor diff) {
        pending_[root.get()] = 1;
        deliver(root, std::move(diff));
        while (!ready_.empty()) {
            AutogradMeta* meta = ready_.top();
            ready_.pop();
            run_producer(*meta);
        }
    }

private:
    void count_uses(const std::shared_ptr<AutogradMeta>& root) {
        std::vector<AutogradMeta*> stack{root.get()};
        std::unordered_set<Node*> seen;
        while (!stack.empty()) {
            Node* node = stack.back()->producer.get();
            stack.pop_back();
            if (node == nullptr || !seen.insert(node).second) continue;
            if (!node->backward) throw UsageError("[backward] the graph was used already; run the forward pass again");
            for (const auto& input : node->inputs) {
                if (!input) continue;
                ++pending_[input.get()];
                stack.push_back(input.get());
            }
        }
    }

    void run_producer(AutogradMeta& meta) {
        const std::shared_ptr<Node> node = meta.producer;
        const profile::Layer layer(profile::Place{node->place.layer, profile::Pass::backward});
        Gradients diffs;
        if (Tensor diff = taken(&meta)) {
            AutogradMeta* first = node->inputs.empty() ? nullptr : node->inputs[0].get();
            Tensor sum = taken(first);
            diffs = node->backward(std::move(diff), sum);
            if (sum) gradients_[first] = std::move(sum);
        }
        node->backward = nullptr;  // frees the saved activations
        diffs.resize(node->inputs.size());
        for (std::size_t i = 0; i < node->inputs.size(); ++i)
            if (node->inputs[i]) deliver(node->inputs[i], std::move(diffs[i]));
    }

    /// The gradient that has come in for `meta`, which keeps none.
    Tensor taken(AutogradMeta* meta) {
        auto node = gradients_.extract(meta);
        return node.empty() ? Tensor() : std::move(node.mapped());
    }

    void deliver(const std::shared_ptr<AutogradMeta>& meta, Tensor diff) {
        const bool leaf = meta->producer == nullptr;
        if (diff && leaf && meta->home && (!meta->grad || meta->grad.same_view(meta->home)))
            add_at_home(*meta, diff);
        else if (diff)
            add_gradient(leaf ? meta->grad : gradients_[meta.get()], std::move(diff));
        if (--pending_[meta.get()] > 0) return;
        if (!leaf) {
            ready_.push(meta.get());
        } else if (meta->hook) {
            if (auto owner = meta->owner.lock())
                meta->hook(TensorAccess::wrap(std::static_pointer_cast<TensorAccess::Impl>(owner)));
        }
    }

    std::unordered_map<AutogradMeta*, int> pending_;
    std::unordered_map<AutogradMeta*, Tensor> gradients_;
    std::priority_queue<AutogradMeta*, std::vector<AutogradMeta*>, LaterFirst> ready_;
};

AutogradMeta& meta_of(const Tensor& tensor) {
    const auto& impl = TensorAccess::impl(tensor);
    if (!impl) throw UsageError("[tensor] this tensor is undefined");
    if (!impl->meta) {
        impl->meta = std::make_shared<AutogradMeta>();
        impl->meta->owner = std::shared_ptr<void>(impl);
    }
    return *impl->meta;
}

}  // namespace

Tensor record(Tensor dst, const std::vector<Tensor>& inputs, BackwardFunction backward) {
    return record_adding(std::move(dst), inputs, [backward = std::move(backward)](Tensor diff_dst, Tensor&) {
        return backward(std::move(diff_dst));
    });
}

Tensor record_adding(Tensor dst, const std::vector<Tensor>& inputs, AddingBackwardFunction backward) {
    if (!recording) return dst;
    auto node = std::make_shared<Node>();
    bool wanted = false;
    for (const Tensor& input : inputs) {
        node->inputs.push_back(input && input.requires_grad() ? TensorAccess::impl(input)->meta : nullptr);
        wanted = wanted || node->inputs.back() != nullptr;
    }
    if (!wanted) return dst;
    node->number = next_number++;
    node->backward = std::move(backward);
    node->place = profile::place();
    const auto& impl = TensorAccess::impl(dst);
    impl->meta = std::make_shared<AutogradMeta>();
    impl->meta->requires_grad = true;
    impl->meta->producer = std::move(node);
    return dst;
}

void backward(const Tensor& loss, const Tensor& diff_loss) {
    if (!loss.requires_grad())
        throw UsageError("[backward] the loss does not depend on anything that requires a gradient");
    if (diff_loss ? diff_loss.dims() != loss.dims() : loss.elements() != 1)
        throw UsageError("[backward] wanted a loss of one element or a gradient of its dims, the loss has dims " +
                         loss.dims().text());
    Tensor diff = diff_loss ? diff_loss.clone() : Tensor::full(loss.dims(), 1.0, loss.dtype());
    const auto root = TensorAccess::impl(loss)->meta;
    BackwardPass(root).run(root, std::move(diff));
}

bool grad_enabled() { return recording; }
NoGrad::NoGrad() : before_(recording) { recording = false; }
NoGrad::~NoGrad() { recording = before_; }

bool Tensor::requires_grad() const { return get().meta && get().meta->requires_grad; }

const Tensor& Tensor::set_requires_grad(bool on) const {
    AutogradMeta& meta = meta_of(*this);
    if (meta.producer) throw UsageError("[tensor] only a leaf can be told whether it requires a gradient");
    meta.requires_grad = on;
    return *this;
}

const Tensor& Tensor::grad() const { return get().meta ? get().meta->grad : no_tensor(); }

void Tensor::set_grad(Tensor grad) const { meta_of(*this).grad = std::move(grad); }

void Tensor::set_grad_home(Tensor home) const {
    AutogradMeta& meta = meta_of(*this);
    if (meta.producer) throw UsageError("[tensor] only a leaf can have a home for its gradient");
    if (home && (home.dims() != dims() || home.dtype() != dtype() || !home.dense()))
        throw UsageError("[tensor] a gradient of dims " + dims().text() + " cannot live in dims " + home.dims().text());
    meta.home = std::move(home);
}

const Tensor& Tensor::grad_home() const { return get().meta ? get().meta->home : no_tensor(); }

Tensor Tensor::empty_grad() const {
    const Tensor& home = grad_home();
    return home && !grad() && kernels::same_layout(home.layout(), layout()) ? home : empty_like();
}

void Tensor::on_grad_ready(std::function<void(const Tensor&)> hook) const {
    AutogradMeta& meta = meta_of(*this);
    if (meta.producer) throw UsageError("[tensor] only a leaf can have a hook on its gradient");
    meta.hook = std::move(hook);
}

}  // namespace keel

// cuDNN's backend interface for what the model executor uses: convolutions, sums with a tensor or per channel, limits.
// A plan is its operation graph; it is interpreted by plain loops on the handle's stream. Two engines are offered, the
// first of which has the note of tensor cores and computes nonsense: who takes it has not read the notes.
#include "models/backend/cuda/cudnn.h"

#include "internal.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <sstream>

using namespace cudasim;

namespace
{
enum Status {
    OK              = 0,
    NOT_INITIALIZED = 1001,
    BAD_PARAM       = 2000,
    NOT_FINALIZED   = 2004,
    SHAPE_MISMATCH  = 2008,
    BAD_TYPE        = 2010,
    NOT_SUPPORTED   = 3000,
    EXECUTION       = 5000
};
enum { STRICT_ENGINE = 1, TENSOR_CORE_ENGINE = 7, WORKSPACE_BYTES = 1024 };

struct Node;
using NodeRef = std::shared_ptr<Node>;
struct Attribute {
    int                  type  = 0;
    int64_t              count = 0;
    std::vector<uint8_t> bytes;
    std::vector<NodeRef> nodes;  // of descriptors
};
struct Node {
    int                      type  = 0;
    bool                     final = false;
    std::map<int, Attribute> attributes;

    template <typename T> std::vector<T> values(int name) const
    {
        const auto found = attributes.find(name);
        if (found == attributes.end())
            return {};
        std::vector<T> out(found->second.bytes.size() / sizeof(T));
        if (!out.empty())
            memcpy(out.data(), found->second.bytes.data(), out.size() * sizeof(T));
        return out;
    }
    template <typename T> T value(int name, T missing) const
    {
        const std::vector<T> all = values<T>(name);
        return all.empty() ? missing : all[0];
    }
    NodeRef node(int name) const
    {
        const auto found = attributes.find(name);
        return found == attributes.end() || found->second.nodes.empty() ? nullptr : found->second.nodes[0];
    }
    template <typename T> void put(int name, int type_, const std::vector<T> &values_)
    {
        const uint8_t *begin = (const uint8_t *)values_.data();
        attributes[name]     = {type_, (int64_t)values_.size(), {begin, begin + values_.size() * sizeof(T)}, {}};
    }
};
struct Descriptor {
    NodeRef node;
};

size_t
element_bytes(int type)
{
    switch (type) {
    case KT_CUDNN_TYPE_INT64:
    case KT_CUDNN_TYPE_DOUBLE:
    case KT_CUDNN_TYPE_VOID_PTR:
    case KT_CUDNN_TYPE_HANDLE: return 8;
    case KT_CUDNN_TYPE_BOOLEAN:
    case KT_CUDNN_TYPE_CHAR: return 1;
    default: return 4;
    }
}

// --- plans as text: type, number of attributes, and of each name, type, count and bytes or nodes

void
write_node(std::ostringstream &out, const Node &node)
{
    out << node.type << ' ' << node.attributes.size() << ' ';
    for (const auto &[name, attribute] : node.attributes) {
        out << name << ' ' << attribute.type << ' ' << attribute.count << ' ';
        for (const NodeRef &child : attribute.nodes)
            write_node(out, *child);
        for (uint8_t byte : attribute.bytes)
            out << (int)byte << ' ';
    }
}

NodeRef
read_node(std::istringstream &in, int depth)
{
    NodeRef node = std::make_shared<Node>();
    size_t  attributes;
    if (depth > 8 || !(in >> node->type >> attributes) || attributes > 64)
        return nullptr;
    for (size_t i = 0; i < attributes; i++) {
        int       name, byte;
        Attribute attribute;
        if (!(in >> name >> attribute.type >> attribute.count) || attribute.count < 0 || attribute.count > 64)
            return nullptr;
        const bool is_node = attribute.type == KT_CUDNN_TYPE_BACKEND_DESCRIPTOR;
        for (int64_t k = 0; k < attribute.count && is_node; k++) {
            attribute.nodes.push_back(read_node(in, depth + 1));
            if (!attribute.nodes.back())
                return nullptr;
        }
        for (size_t k = 0; k < (size_t)attribute.count * element_bytes(attribute.type) && !is_node; k++) {
            if (!(in >> byte))
                return nullptr;
            attribute.bytes.push_back((uint8_t)byte);
        }
        node->attributes[name] = attribute;
    }
    node->final = true;
    return node;
}

// --- the loops

struct Tensor {
    std::vector<int64_t> dims, strides;
    float               *data;

    size_t count() const
    {
        size_t n = 1;
        for (int64_t dim : dims)
            n *= (size_t)dim;
        return n;
    }
};

struct Machine {
    std::map<int64_t, uintptr_t>          pointers;  // of the variant pack
    std::map<int64_t, std::vector<float>> inner;     // virtual tensors
    bool                                  broken = false;

    Tensor tensor(const NodeRef &node, bool written)
    {
        const int64_t id  = node->value<int64_t>(KT_CUDNN_ATTR_TENSOR_UNIQUE_ID, -1);
        Tensor        out = {node->values<int64_t>(KT_CUDNN_ATTR_TENSOR_DIMENSIONS),
                             node->values<int64_t>(KT_CUDNN_ATTR_TENSOR_STRIDES), nullptr};
        if (node->value<uint8_t>(KT_CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0)) {
            inner[id].resize(out.count());
            out.data = inner[id].data();
            return out;
        }
        const size_t bytes = out.count() * sizeof(float);
        out.data           = (float *)pointers[id];
        broken             = broken || (uintptr_t)out.data % 16 != 0 ||
                 !(written ? memory_check(pointers[id], bytes, "cudnn")
                           : memory_check_written(pointers[id], bytes, "cudnn"));
        if (!broken) {
            memory_count(pointers[id], bytes, !written);
            if (written)
                memory_mark_written(pointers[id], bytes);
        }
        return out;
    }
};

// Sum over one channel's kernel; places and taps of up to three axes are counted through.
struct Window {
    std::vector<int64_t> before, stride, dilation;

    double sum(const Tensor &x, const Tensor &w, const float *from, const float *taps, const int64_t *place) const
    {
        const size_t spatial = before.size();
        int64_t      n_taps  = 1;
        double       out     = 0;
        for (size_t i = 0; i < spatial; i++)
            n_taps *= w.dims[2 + i];
        for (int64_t tap = 0; tap < n_taps; tap++) {
            int64_t rest = tap, offset = 0;
            bool    inside = true;
            for (size_t i = spatial; i-- > 0;) {
                const int64_t at = place[i] * stride[i] - before[i] + rest % w.dims[2 + i] * dilation[i];
                rest /= w.dims[2 + i];
                inside = inside && at >= 0 && at < x.dims[2 + i];
                offset += at * x.strides[2 + i];
            }
            if (inside)
                out += (double)from[offset] * (double)taps[tap];
        }
        return out;
    }
};

void
convolve(Machine &machine, const Node &op)
{
    const NodeRef conv  = op.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC);
    const Tensor  x     = machine.tensor(op.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X), false),
                 w      = machine.tensor(op.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W), false),
                 y      = machine.tensor(op.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y), true);
    const Window window = {conv->values<int64_t>(KT_CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
                           conv->values<int64_t>(KT_CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
                           conv->values<int64_t>(KT_CUDNN_ATTR_CONVOLUTION_DILATIONS)};
    if (machine.broken)
        return;
    const int64_t depth = w.dims[1], per_group = y.dims[1] / (x.dims[1] / depth), places = y.strides[1];
    for (int64_t i = 0; i < (int64_t)y.count(); i++) {
        const int64_t o = i / places % y.dims[1], n = i / places / y.dims[1];
        int64_t       place[3], rest                = i % places;
        double        sum = 0;
        for (size_t k = window.before.size(); k-- > 0; rest /= y.dims[2 + k])
            place[k] = rest % y.dims[2 + k];
        for (int64_t c = 0; c < depth; c++)
            sum += window.sum(x, w, x.data + n * x.strides[0] + (o / per_group * depth + c) * x.strides[1],
                              w.data + o * w.strides[0] + c * w.strides[1], place);
        y.data[i] = (float)sum;
    }
}

// The gradient of a convolution by its input: each value of dy goes to all places that it was computed from.
void
deconvolve(Machine &machine, const Node &op)
{
    const NodeRef conv  = op.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC);
    const Tensor  dy    = machine.tensor(op.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY), false),
                 w      = machine.tensor(op.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W), false),
                 dx     = machine.tensor(op.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX), true);
    const auto before   = conv->values<int64_t>(KT_CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
               stride   = conv->values<int64_t>(KT_CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
               dilation = conv->values<int64_t>(KT_CUDNN_ATTR_CONVOLUTION_DILATIONS);
    if (machine.broken)
        return;
    std::vector<double> sums(dx.count());
    const int64_t       depth = w.dims[1], per_group = w.dims[0] / (dx.dims[1] / depth), taps = w.strides[1];
    for (int64_t i = 0; i < (int64_t)dy.count(); i++)
        for (int64_t tap = 0; tap < taps * depth; tap++) {
            const int64_t k = i / dy.strides[1] % dy.dims[1], n = i / dy.strides[0],
                          c = k / per_group * depth + tap / taps;
            int64_t from = i % dy.strides[1], rest = tap % taps, offset = n * dx.strides[0] + c * dx.strides[1];
            bool    inside = true;
            for (size_t axis = before.size(); axis-- > 0;) {
                const int64_t at =
                    from % dy.dims[2 + axis] * stride[axis] - before[axis] + rest % w.dims[2 + axis] * dilation[axis];
                from /= dy.dims[2 + axis], rest /= w.dims[2 + axis];
                inside = inside && at >= 0 && at < dx.dims[2 + axis];
                offset += at * dx.strides[2 + axis];
            }
            if (inside)
                sums[(size_t)offset] += (double)dy.data[i] * (double)w.data[k * w.strides[0] + tap];
        }
    for (size_t i = 0; i < sums.size(); i++)
        dx.data[i] = (float)sums[i];
}

void
pointwise(Machine &machine, const Node &op)
{
    const NodeRef what = op.node(KT_CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR),
                  b_of = op.node(KT_CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    const bool   add   = what->value<int>(KT_CUDNN_ATTR_POINTWISE_MODE, -1) == KT_CUDNN_POINTWISE_ADD;
    const double low   = what->value<double>(KT_CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, 0),
                 high  = what->value<double>(KT_CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, HUGE_VAL);
    const Tensor x     = machine.tensor(op.node(KT_CUDNN_ATTR_OPERATION_POINTWISE_XDESC), false);
    const Tensor b     = b_of ? machine.tensor(b_of, false) : Tensor{};
    const Tensor y     = machine.tensor(op.node(KT_CUDNN_ATTR_OPERATION_POINTWISE_YDESC), true);
    if (machine.broken)
        return;
    for (size_t i = 0; i < y.count(); i++) {
        int64_t rest = (int64_t)i, at = 0;
        for (size_t k = y.dims.size(); k-- > 0 && add; rest /= y.dims[k])
            at += b.dims[k] == 1 ? 0 : rest % y.dims[k] * b.strides[k];
        const double value = (double)x.data[i];
        y.data[i]          = add ? x.data[i] + b.data[at] : (float)(value < low ? low : value > high ? high : value);
    }
}

void
execute(const NodeRef &graph, int64_t engine, const std::map<int64_t, uintptr_t> &pointers)
{
    Machine machine;
    machine.pointers = pointers;
    for (const NodeRef &op : graph->attributes[KT_CUDNN_ATTR_OPERATIONGRAPH_OPS].nodes)
        (op->type == KT_CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR         ? convolve
         : op->type == KT_CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ? deconvolve
                                                                                       : pointwise)(machine, *op);
    if (machine.broken || engine != STRICT_ENGINE)
        break_device(run.device, cudaErrorIllegalAddress, 31);
}

// --- what finalize checks

// x and y as of the convolution, whichever way it is computed.
int
check_convolution(const NodeRef &conv, const NodeRef &x_of, const NodeRef &w_of, const NodeRef &y_of)
{
    if (!conv || !x_of || !w_of || !y_of)
        return BAD_PARAM;
    const auto x         = x_of->values<int64_t>(KT_CUDNN_ATTR_TENSOR_DIMENSIONS),
               w         = w_of->values<int64_t>(KT_CUDNN_ATTR_TENSOR_DIMENSIONS),
               y         = y_of->values<int64_t>(KT_CUDNN_ATTR_TENSOR_DIMENSIONS),
               before    = conv->values<int64_t>(KT_CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS),
               after     = conv->values<int64_t>(KT_CUDNN_ATTR_CONVOLUTION_POST_PADDINGS),
               stride    = conv->values<int64_t>(KT_CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES),
               dilation  = conv->values<int64_t>(KT_CUDNN_ATTR_CONVOLUTION_DILATIONS);
    const size_t spatial = before.size();
    if (spatial < 2 || spatial > 3 || x.size() != 2 + spatial || w.size() != x.size() || y.size() != x.size())
        return BAD_PARAM;
    if (x[0] != y[0] || y[1] != w[0] || x[1] % w[1] != 0 || y[1] % (x[1] / w[1]) != 0)
        return SHAPE_MISMATCH;
    for (size_t i = 0; i < spatial; i++)
        if (y[2 + i] != (x[2 + i] + before[i] + after[i] - dilation[i] * (w[2 + i] - 1) - 1) / stride[i] + 1)
            return SHAPE_MISMATCH;
    return conv->value<int>(KT_CUDNN_ATTR_CONVOLUTION_CONV_MODE, 0) == KT_CUDNN_CROSS_CORRELATION ? OK : NOT_SUPPORTED;
}

int
check_device(Node &node)
{
    cudaDeviceProp prop;
    if (node.attributes.count(KT_CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION))
        return OK;
    if (cudaGetDeviceProperties(&prop, node.value<int>(KT_CUDNN_ATTR_DEVICEPROP_DEVICE_ID, 0)) != cudaSuccess)
        return NOT_INITIALIZED;
    std::ostringstream out;
    out << "{\"deviceVer\":" << prop.major * 100 + prop.minor * 10
        << ",\"multiProcessorCount\":" << prop.multiProcessorCount << ",\"deviceName\":\"simulated\"}";
    const std::string text = out.str();
    node.put<char>(KT_CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, KT_CUDNN_TYPE_CHAR, {text.begin(), text.end()});
    return OK;
}

const char BEGIN[] = "{\"engine\":", GRAPH[] = ",\"graph\":\"";

// From its engine configuration or from its text it gets the graph and the engine.
int
check_plan(Node &plan)
{
    if (const NodeRef config = plan.node(KT_CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)) {
        const NodeRef      engine = config->node(KT_CUDNN_ATTR_ENGINECFG_ENGINE);
        std::ostringstream out;
        out << BEGIN << engine->value<int64_t>(KT_CUDNN_ATTR_ENGINE_GLOBAL_INDEX, -1) << GRAPH;
        write_node(out, *config->node(KT_CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH));
        out << "\"}";
        const std::string text = out.str();
        plan.put<char>(KT_CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, KT_CUDNN_TYPE_CHAR,
                       {text.begin(), text.end()});
    }
    const auto        bytes = plan.values<char>(KT_CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
    const std::string text(bytes.begin(), bytes.end());
    const size_t      graph = text.find(GRAPH);
    if (text.compare(0, sizeof BEGIN - 1, BEGIN) != 0 || graph == std::string::npos)
        return BAD_PARAM;
    std::istringstream in(text.substr(graph + sizeof GRAPH - 1));
    const NodeRef      ops = read_node(in, 0);
    if (!ops || !plan.node(KT_CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP))
        return BAD_PARAM;
    plan.attributes[KT_CUDNN_ATTR_OPERATIONGRAPH_OPS] = {KT_CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {ops}};
    plan.put<int64_t>(KT_CUDNN_ATTR_ENGINE_GLOBAL_INDEX, KT_CUDNN_TYPE_INT64, {atoll(text.c_str() + sizeof BEGIN - 1)});
    plan.put<int64_t>(KT_CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, KT_CUDNN_TYPE_INT64, {WORKSPACE_BYTES});
    return OK;
}

int
check(Node &node)
{
    switch (node.type) {
    case KT_CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
        return check_convolution(node.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC),
                                 node.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X),
                                 node.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W),
                                 node.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y));
    case KT_CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
        return check_convolution(node.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC),
                                 node.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX),
                                 node.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W),
                                 node.node(KT_CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY));
    case KT_CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR: return check_device(node);
    case KT_CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR: return check_plan(node);
    default: return OK;
    }
}

// The two proposals, into descriptors that the caller made.
int64_t
propose(const Node &heuristics, int64_t capacity, void *const *out)
{
    const int64_t          engines[] = {TENSOR_CORE_ENGINE, STRICT_ENGINE};
    const std::vector<int> notes[]   = {{KT_CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, {}};
    int64_t                n         = 0;
    for (; n < 2 && n < capacity; n++) {
        Node   &config = *((Descriptor *)out[n])->node;
        NodeRef engine = std::make_shared<Node>();
        engine->type   = KT_CUDNN_BACKEND_ENGINE_DESCRIPTOR;
        engine->final = config.final = true;
        engine->put<int64_t>(KT_CUDNN_ATTR_ENGINE_GLOBAL_INDEX, KT_CUDNN_TYPE_INT64, {engines[n]});
        engine->put<int>(KT_CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, KT_CUDNN_TYPE_NUMERICAL_NOTE, notes[n]);
        engine->put<int>(KT_CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, KT_CUDNN_TYPE_BEHAVIOR_NOTE, {});
        config.attributes[KT_CUDNN_ATTR_ENGINECFG_ENGINE] = {KT_CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {engine}};
        config.attributes[KT_CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH] =
            heuristics.attributes.at(KT_CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    }
    return n;
}
}  // namespace

struct cudnnContext {
    cudaStream_t stream;
    Owner        owner;
};

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT size_t      cudnnGetVersion(void);
EXPORT const char *cudnnGetErrorString(int status);
EXPORT int         cudnnCreate(cudnnContext **handle);
EXPORT int         cudnnDestroy(cudnnContext *handle);
EXPORT int         cudnnSetStream(cudnnContext *handle, cudaStream_t stream);
EXPORT int         cudnnBackendCreateDescriptor(int type, void **out);
EXPORT int         cudnnBackendDestroyDescriptor(void *descriptor);
EXPORT int         cudnnBackendFinalize(void *descriptor);
EXPORT int         cudnnBackendSetAttribute(void *descriptor, int name, int type, int64_t count, const void *values);
EXPORT int cudnnBackendGetAttribute(const void *descriptor, int name, int type, int64_t capacity, int64_t *count,
                                    void *values);
EXPORT int cudnnBackendExecute(cudnnContext *handle, void *plan, void *pack);

size_t
cudnnGetVersion(void)
{
    return 91900;
}

const char *
cudnnGetErrorString(int status)
{
    switch (status) {
    case OK: return "CUDNN_STATUS_SUCCESS";
    case NOT_INITIALIZED: return "CUDNN_STATUS_NOT_INITIALIZED";
    case SHAPE_MISMATCH: return "CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH";
    case NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
    case EXECUTION: return "CUDNN_STATUS_EXECUTION_FAILED";
    default: return "CUDNN_STATUS_BAD_PARAM";
    }
}

int
cudnnCreate(cudnnContext **handle)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    cudaError_t                           refused;
    if (!enter("cudnnCreate", &refused))
        return NOT_INITIALIZED;
    *handle = new cudnnContext{nullptr};
    return OK;
}

int
cudnnDestroy(cudnnContext *handle)
{
    delete handle;
    return OK;
}

int
cudnnSetStream(cudnnContext *handle, cudaStream_t stream)
{
    handle->stream = stream;
    return OK;
}

int
cudnnBackendCreateDescriptor(int type, void **out)
{
    Descriptor *made = new Descriptor{std::make_shared<Node>()};
    made->node->type = type;
    *out             = made;
    return OK;
}

int
cudnnBackendDestroyDescriptor(void *descriptor)
{
    delete (Descriptor *)descriptor;
    return OK;
}

int
cudnnBackendFinalize(void *descriptor)
{
    Node     &node   = *((Descriptor *)descriptor)->node;
    const int status = check(node);
    node.final       = status == OK;
    return status;
}

int
cudnnBackendSetAttribute(void *descriptor, int name, int type, int64_t count, const void *values)
{
    Node     &node      = *((Descriptor *)descriptor)->node;
    Attribute attribute = {type, count, {}, {}};
    if (node.final || count < 0 || (count > 0 && !values))
        return BAD_PARAM;
    if (type == KT_CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        for (int64_t i = 0; i < count; i++) {
            const NodeRef child = ((Descriptor *const *)values)[i]->node;
            if (!child->final)
                return NOT_FINALIZED;
            attribute.nodes.push_back(child);
        }
    } else {
        const uint8_t *bytes = (const uint8_t *)values;
        attribute.bytes.assign(bytes, bytes + (size_t)count * element_bytes(type));
    }
    node.attributes[name] = attribute;
    return OK;
}

int
cudnnBackendGetAttribute(const void *descriptor, int name, int type, int64_t capacity, int64_t *count, void *values)
{
    const Node &node = *((const Descriptor *)descriptor)->node;
    if (!node.final)
        return NOT_FINALIZED;
    if (name == KT_CUDNN_ATTR_ENGINEHEUR_RESULTS) {
        *count = propose(node, capacity, (void *const *)values);
        return OK;
    }
    const auto found = node.attributes.find(name);
    if (found == node.attributes.end())
        return BAD_PARAM;
    const Attribute &attribute = found->second;
    if (attribute.type != type)
        return BAD_TYPE;
    *count             = attribute.count;
    const int64_t most = capacity < attribute.count ? capacity : attribute.count;
    if (type == KT_CUDNN_TYPE_BACKEND_DESCRIPTOR)
        for (int64_t i = 0; i < most; i++)
            ((Descriptor **)values)[i]->node = attribute.nodes[(size_t)i];
    else if (most > 0)
        memcpy(values, attribute.bytes.data(), (size_t)most * element_bytes(type));
    return OK;
}

int
cudnnBackendExecute(cudnnContext *handle, void *plan, void *pack)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    cudaError_t                           refused;
    const NodeRef                         node = ((Descriptor *)plan)->node, arguments = ((Descriptor *)pack)->node;
    std::map<int64_t, uintptr_t>          pointers;
    if (!handle || !node->final || !arguments->final)
        return BAD_PARAM;
    if (!enter("cudnnBackendExecute", &refused))
        return EXECUTION;
    const auto      ids   = arguments->values<int64_t>(KT_CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const auto      at    = arguments->values<uintptr_t>(KT_CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    const uintptr_t space = arguments->value<uintptr_t>(KT_CUDNN_ATTR_VARIANT_PACK_WORKSPACE, 0);
    if (ids.size() != at.size() || !memory_check(space, WORKSPACE_BYTES, "cudnnBackendExecute"))
        return BAD_PARAM;
    for (size_t i = 0; i < ids.size(); i++)
        pointers[ids[i]] = at[i];
    const NodeRef graph  = node->node(KT_CUDNN_ATTR_OPERATIONGRAPH_OPS);
    const int64_t engine = node->value<int64_t>(KT_CUDNN_ATTR_ENGINE_GLOBAL_INDEX, -1);
    owner_check(handle->owner, handle->stream, "cuDNN");
    return stream_add(handle->stream, "cudnn", [graph, engine, pointers] { execute(graph, engine, pointers); }) ==
                   cudaSuccess
               ? OK
               : EXECUTION;
}

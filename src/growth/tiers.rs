//! How much the name of a group says about a cause: a table, not a heuristic.

/// Tier of a group, 0 (a string) to 6 (a class of the application or a library).
pub(crate) type Tier = u8;

/// Any class no table lists.
pub(crate) const CLASS: Tier = 6;
/// A closure with a telling name.
pub(crate) const CLOSURE: Tier = 5;
/// A class of the platform.
pub(crate) const PLATFORM: Tier = 4;
/// DOM nodes, other native objects, Python's empty containers.
pub(crate) const NATIVE: Tier = 3;
/// A built-in of the language, a closure without a telling name.
pub(crate) const BUILT_IN: Tier = 2;
/// Objects and arrays of no class, the engine's own objects.
pub(crate) const PLAIN: Tier = 1;
/// Strings, numbers, backing stores, code.
pub(crate) const MUTE: Tier = 0;

/// Tier of the group (kind, name). Kinds are V8's node types; any other kind goes by the name alone.
pub(crate) fn tier(kind: &str, name: &str) -> Tier {
    match kind {
        "code" if name == FUNCTION_INFO => BUILT_IN,
        "code" if name == PYTHON_CODE => BUILT_IN,
        "array" | "code" | "hidden" | "object shape" | "synthetic" => MUTE,
        "string" | "concatenated string" | "sliced string" | "number" | "heap number" | "bigint" | "symbol" => MUTE,
        "regexp" => BUILT_IN,
        "closure" if is_plain_closure(name) => BUILT_IN,
        "closure" => CLOSURE,
        "native" if name.starts_with("system / ") || name.starts_with("Node / ") => PLAIN,
        "native" => NATIVE,
        _ if kind != "object" && is_built_in_elsewhere(name) => BUILT_IN,
        _ if kind != "object" && is_python_library(name) => PLATFORM,
        _ => class_tier(name),
    }
}

fn class_tier(name: &str) -> Tier {
    if matches!(name, "" | "Object" | "Array") || name.starts_with("system / ") {
        PLAIN
    } else if name.ends_with(" (empty)") {
        NATIVE
    } else if is_built_in(name) {
        BUILT_IN
    } else if PLATFORM_CLASSES.binary_search(&name).is_ok() {
        PLATFORM
    } else {
        CLASS
    }
}

/// Whether the name of a class, function or property is V8's, the language's or the platform's: it tells nothing of a program.
#[must_use]
pub fn is_public_name(name: &str) -> bool {
    const PROPERTIES: [&str; 5] = ["__proto__", "constructor", "length", "name", "prototype"];
    name.starts_with('(') && !name.contains(" for ")
        || name.starts_with("Node / ")
        || class_tier(name) < CLASS
        || PLAIN_CLOSURES.binary_search(&name).is_ok()
        || METADATA_ARRAYS.binary_search(&name).is_ok()
        || PROPERTIES.contains(&name)
}

fn is_built_in(name: &str) -> bool {
    [JS_BUILT_INS, PYTHON_BUILT_INS].iter().any(|table| table.binary_search(&name).is_ok())
        || JAVA_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Names that an `object` of V8 may well have from an application.
fn is_built_in_elsewhere(name: &str) -> bool {
    [PYTHON_RUNTIME, RUBY_BUILT_INS].iter().any(|table| table.binary_search(&name).is_ok())
}

/// Python's classes made in C carry their module, those of programs don't.
fn is_python_library(name: &str) -> bool {
    let module = name.split_once('.').map_or("", |(module, _)| module);
    module.starts_with('_') || PYTHON_MODULES.binary_search(&module).is_ok()
}

fn is_plain_closure(name: &str) -> bool {
    name.starts_with("bound ") || PLAIN_CLOSURES.binary_search(&name).is_ok()
}

/// Groups that rise and fall with many causes, and so start no finding.
pub(crate) fn is_shared(kind: &str, name: &str) -> bool {
    match kind {
        "string" | "concatenated string" | "sliced string" | "number" | "heap number" | "bigint" | "array" | "object shape" => {
            true
        }
        "code" => !matches!(name, FUNCTION_INFO | PYTHON_CODE),
        _ => false,
    }
}

/// What literals and text are made of: objects without a class and strings.
pub(crate) fn is_literal(kind: &str, name: &str) -> bool {
    matches!(kind, "string" | "concatenated string" | "sliced string") || (kind == "object" && name == "Object")
}

/// Code, feedback, metadata, shapes: what the engine itself adds while a program runs.
pub(crate) fn is_runtime(kind: &str, name: &str) -> bool {
    matches!(kind, "hidden" | "object shape")
        || is_code(kind, name)
        || (kind == "array" && METADATA_ARRAYS.binary_search(&name).is_ok())
}

/// Code of V8.
pub(crate) fn is_code(kind: &str, name: &str) -> bool {
    kind == "code" && name != PYTHON_CODE
}

/// Code and shapes, whose growth no leak of objects explains.
pub(crate) fn is_code_or_shape(kind: &str, name: &str) -> bool {
    is_code(kind, name) || kind == "object shape"
}

/// What V8 keeps of every function in a program's text, however often it is made from it. Functions come with the modules that are
/// loaded; after that their number stands still, unless the program compiles text as it runs.
const FUNCTION_INFO: &str = "(shared function info)";

/// Python's type of the same, which is also the name of a V8 kind.
const PYTHON_CODE: &str = "code";

// Every table is in byte order for the binary search; a test holds them to it.

#[rustfmt::skip]
const PLAIN_CLOSURES: &[&str] = &["", "(anonymous)", "anonymous", "get", "native_bind", "next", "reject", "resolve", "set", "then"];

/// Metadata of code that older V8 reports as arrays.
#[rustfmt::skip]
const METADATA_ARRAYS: &[&str] = &[
    "(bytecode offset table)", "(code deopt data)", "(code relocation info)", "(function scope info)", "(source position table)",
];

/// Arrays and the class library of the JVM.
const JAVA_PREFIXES: &[&str] = &["[", "java.", "javax.", "jdk.", "sun."];

/// Classes of Node and browsers.
#[rustfmt::skip]
const PLATFORM_CLASSES: &[&str] = &[
    "AbortController", "AbortSignal", "Agent", "AsyncLocalStorage", "AsyncResource", "BlockList", "Buffer", "BufferList",
    "BuiltinModule", "CallSite", "ClientRequest", "ConnectionsList", "Console", "ContextifyScript", "Duplex", "Event",
    "EventEmitter", "EventTarget", "FSReqCallback", "FastBuffer", "FreeList", "GetAddrInfoReqWrap", "HTTP2",
    "HTTPClientAsyncResource", "HTTPINCOMINGMESSAGE", "HTTPParser", "HTTPServerAsyncResource", "Immediate", "IncomingMessage",
    "InternalPerformance", "Intl.DateTimeFormat", "Intl.NumberFormat", "ListNode", "Module", "ModuleWrap", "NativeModule",
    "OutgoingMessage", "Performance", "Pipe", "PriorityQueue", "Readable", "ReadableState", "SafeMap", "SafeSet", "Server",
    "ServerResponse", "ShutdownWrap", "Socket", "Stats", "TCP", "TCPConnectWrap", "TickObject", "Timeout", "TimersList",
    "Transform", "URL", "URLSearchParams", "UV", "WeakReference", "Writable", "WritableState", "WriteWrap",
];

/// Built-in classes of JavaScript.
#[rustfmt::skip]
const JS_BUILT_INS: &[&str] = &[
    "Arguments", "Array Iterator", "ArrayBuffer", "AsyncFunction", "AsyncGenerator", "BigInt64Array", "BigUint64Array",
    "Boolean", "DataView", "Date", "Error", "FinalizationRegistry", "Float32Array", "Float64Array", "Function", "Generator",
    "Int16Array", "Int32Array", "Int8Array", "Iterator", "Map", "Map Iterator", "Number", "Promise", "Proxy", "RegExp", "Set",
    "Set Iterator", "SharedArrayBuffer", "String", "Symbol", "TypeError", "Uint16Array", "Uint32Array", "Uint8Array",
    "Uint8ClampedArray", "WeakMap", "WeakRef", "WeakSet",
];

/// Built-in types of Python.
#[rustfmt::skip]
const PYTHON_BUILT_INS: &[&str] = &[
    "NoneType", "bool", "bytes", "cell", "classobj", "code", "dict", "float", "frozenset", "function", "global", "instance",
    "instancemethod", "int", "list", "long", "method", "module", "set", "str", "tuple", "type", "unicode",
];

/// What Python's interpreter makes of running programs: calls, iterators, descriptors.
#[rustfmt::skip]
const PYTHON_RUNTIME: &[&str] = &[
    "NotImplementedType", "PyCapsule", "async_generator", "builtin_function_or_method", "bytearray", "bytearray_iterator",
    "bytes_iterator", "callable_iterator", "classmethod", "classmethod_descriptor", "complex", "coroutine", "dict_itemiterator",
    "dict_items", "dict_keyiterator", "dict_keys", "dict_valueiterator", "dict_values", "ellipsis", "enumerate", "filter", "frame",
    "generator", "getset_descriptor", "iterator", "list_iterator", "list_reverseiterator", "map", "mappingproxy",
    "member_descriptor", "memoryview", "method-wrapper", "method_descriptor", "object", "property", "range", "range_iterator",
    "reversed", "set_iterator", "slice", "staticmethod", "str_ascii_iterator", "str_iterator", "super", "traceback",
    "tuple_iterator", "weakcallableproxy", "weakproxy", "weakref", "wrapper_descriptor", "zip",
];

/// Modules of Python's library with classes made in C, beside those whose names begin with `_`.
#[rustfmt::skip]
const PYTHON_MODULES: &[&str] = &[
    "array", "collections", "datetime", "decimal", "functools", "itertools", "mmap", "operator", "posix", "re", "select", "sqlite3",
    "struct", "types", "weakref", "zlib",
];

/// Built-in classes of Ruby that JavaScript does not name too; an `object` of V8 may well be of an application's `Range` or `Fiber`.
#[rustfmt::skip]
const RUBY_BUILT_INS: &[&str] = &[
    "BasicObject", "Binding", "Class", "Complex", "Data", "Encoding", "Enumerator", "Enumerator::Lazy", "FalseClass", "Fiber",
    "Float", "Hash", "Integer", "MatchData", "Method", "Module", "NilClass", "Proc", "Range", "Rational", "Regexp", "Struct",
    "Thread", "Time", "TrueClass", "UnboundMethod",
];

/// Every table searched by bisection.
#[cfg(test)]
pub(crate) const TABLES: [&[&str]; 8] = [
    PLAIN_CLOSURES,
    METADATA_ARRAYS,
    PLATFORM_CLASSES,
    JS_BUILT_INS,
    PYTHON_BUILT_INS,
    PYTHON_RUNTIME,
    PYTHON_MODULES,
    RUBY_BUILT_INS,
];

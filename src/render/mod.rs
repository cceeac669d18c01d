//! Renderers: one file a format, each turns a [`Report`](crate::report::Report) into bytes and computes nothing.

//! Guards: pure functions from a call and its knowledge to facts. They observe; policies decide.

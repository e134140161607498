//! cordon-runner

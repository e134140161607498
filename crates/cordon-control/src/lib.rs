//! cordon-control

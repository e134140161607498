//! cordon-broker

//! cordon-lab

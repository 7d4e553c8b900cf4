pub(crate) mod families;

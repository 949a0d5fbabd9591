use super::*;

#[test]
fn a_vm_that_is_not_there_is_said_to_be_missing() {
    assert_eq!(UnknownVm(VmId(7)).to_string(), "there is no running VM of number 7");
}

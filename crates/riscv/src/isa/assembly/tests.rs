//! Assembly text against a list, an instruction of each kind and each pseudo-instruction.

use crate::isa::decode;

const GOLDEN: &[(u32, &str)] = &[
    // Constants, jumps and branches.
    (0x8000_0537, "lui a0,0x80000"),
    (0xffff_f517, "auipc a0,0xfffff"),
    (0xff1f_f06f, "j .-16"),
    (0x0100_00ef, "jal .+16"),
    (0x0100_056f, "jal a0,.+16"),
    (0x0000_8067, "ret"),
    (0x0005_0067, "jr a0"),
    (0x0085_0067, "jr 8(a0)"),
    (0x0005_00e7, "jalr a0"),
    (0xff85_00e7, "jalr -8(a0)"),
    (0x0005_0567, "jalr a0,a0"),
    (0x0085_0567, "jalr a0,8(a0)"),
    (0xfeb5_0ee3, "beq a0,a1,.-4"),
    (0x0005_0463, "beqz a0,.+8"),
    (0xfe05_1de3, "bnez a0,.-6"),
    (0x0005_4463, "bltz a0,.+8"),
    (0x00a0_4463, "bgtz a0,.+8"),
    (0x00a0_5463, "blez a0,.+8"),
    (0x0005_5463, "bgez a0,.+8"),
    (0x00b5_7463, "bgeu a0,a1,.+8"),
    (0x0ac5_9533, "clmul a0,a1,a2"),
    (0x0ac5_b533, "clmulh a0,a1,a2"),
    (0x0ac5_a533, "clmulr a0,a1,a2"),
    // Memory.
    (0xff85_3583, "ld a1,-8(a0)"),
    (0x0005_4503, "lbu a0,0(a0)"),
    (0x00b1_3423, "sd a1,8(sp)"),
    (0x1005_252f, "lr.w a0,(a0)"),
    (0x1eb5_352f, "sc.d.aqrl a0,a1,(a0)"),
    (0x04b5_252f, "amoadd.w.aq a0,a1,(a0)"),
    (0xa2b5_352f, "amomax.d.rl a0,a1,(a0)"),
    // Arithmetic.
    (0x0000_0013, "nop"),
    (0x0010_0513, "li a0,1"),
    (0x0005_8513, "mv a0,a1"),
    (0xfff5_0513, "addi a0,a0,-1"),
    (0xfff5_4513, "not a0,a0"),
    (0x0ff5_7513, "zext.b a0,a0"),
    (0x0015_3513, "seqz a0,a0"),
    (0x43f5_5513, "srai a0,a0,0x3f"),
    (0x0005_051b, "sext.w a0,a0"),
    (0xfff5_051b, "addiw a0,a0,-1"),
    (0x0835_151b, "slli.uw a0,a0,0x3"),
    (0x6355_5513, "rori a0,a0,0x35"),
    (0x2ab5_1513, "bseti a0,a0,0x2b"),
    (0x6005_1513, "clz a0,a0"),
    (0x0805_453b, "zext.h a0,a0"),
    (0x6b85_5513, "rev8 a0,a0"),
    (0x2875_5513, "orc.b a0,a0"),
    (0x00b5_0533, "add a0,a0,a1"),
    (0x40b0_0533, "neg a0,a1"),
    (0x40b0_053b, "negw a0,a1"),
    (0x00b0_3533, "snez a0,a1"),
    (0x0005_a533, "sltz a0,a1"),
    (0x00b0_2533, "sgtz a0,a1"),
    (0x0805_053b, "zext.w a0,a0"),
    (0x02b5_2533, "mulhsu a0,a0,a1"),
    (0x20b5_253b, "sh1add.uw a0,a0,a1"),
    // Floating point.
    (0x0085_2507, "flw fa0,8(a0)"),
    (0xfea5_3c27, "fsd fa0,-8(a0)"),
    (0x62b5_7543, "fmadd.d fa0,fa0,fa1,fa2"),
    (0x60b5_054f, "fnmadd.s fa0,fa0,fa1,fa2,rne"),
    (0x02b5_7553, "fadd.d fa0,fa0,fa1"),
    (0x18b5_1553, "fdiv.s fa0,fa0,fa1,rtz"),
    (0x5a05_7553, "fsqrt.d fa0,fa0"),
    (0x20b5_0553, "fsgnj.s fa0,fa0,fa1"),
    (0x20a5_0553, "fmv.s fa0,fa0"),
    (0x22a5_1553, "fneg.d fa0,fa0"),
    (0x22a5_2553, "fabs.d fa0,fa0"),
    (0x28b5_1553, "fmax.s fa0,fa0,fa1"),
    (0xa2b5_1553, "flt.d a0,fa0,fa1"),
    (0x4015_7553, "fcvt.s.d fa0,fa0"),
    (0x4205_0553, "fcvt.d.s fa0,fa0"),
    (0x4205_7553, "fcvt.d.s fa0,fa0,dyn"),
    (0xc235_1553, "fcvt.lu.d a0,fa0,rtz"),
    (0xd205_0553, "fcvt.d.w fa0,a0"),
    (0xd005_7553, "fcvt.s.w fa0,a0"),
    (0xe005_0553, "fmv.x.w a0,fa0"),
    (0xf205_0553, "fmv.d.x fa0,a0"),
    (0xe205_1553, "fclass.d a0,fa0"),
    // All else.
    (0x0ff0_000f, "fence"),
    (0x0310_000f, "fence rw,w"),
    (0x0820_000f, "fence i,r"),
    (0x8330_000f, "fence.tso"),
    (0x0000_100f, "fence.i"),
    (0x0100_000f, "pause"),
    (0x0045_200f, "cbo.zero (a0)"),
    (0x1000_2573, "csrr a0,sstatus"),
    (0x1402_9073, "csrw sscratch,t0"),
    (0x1400_1573, "csrrw a0,sscratch,zero"),
    (0x1002_e073, "csrsi sstatus,5"),
    (0x1005_3073, "csrc sstatus,a0"),
    (0x1002_f573, "csrrci a0,sstatus,5"),
    (0x1234_5573, "csrrwi a0,0x123,8"),
    (0xc000_1073, "unimp"),
    (0xc010_2573, "rdtime a0"),
    (0x0010_2573, "frflags a0"),
    (0x0020_d573, "fsrmi a0,1"),
    (0x0035_1073, "fscsr a0"),
    (0x0000_0073, "ecall"),
    (0x0010_0073, "ebreak"),
    (0x1020_0073, "sret"),
    (0x1050_0073, "wfi"),
    (0x1200_0073, "sfence.vma"),
    (0x1205_0073, "sfence.vma a0"),
    (0x12b0_0073, "sfence.vma zero,a1"),
    (0x16b5_0073, "sinval.vma a0,a1"),
    (0x1800_0073, "sfence.w.inval"),
    (0x1810_0073, "sfence.inval.ir"),
    // Compressed.
    (0x0001, "nop"),
    (0x4505, "li a0,1"),
    (0x852e, "mv a0,a1"),
    (0x1141, "addi sp,sp,-16"),
    (0xe406, "sd ra,8(sp)"),
    (0x757d, "lui a0,0xfffff"),
    (0x8082, "ret"),
    (0xfd6d, "bnez a0,.-6"),
];

#[test]
fn instructions_are_written_as_objdump_does() {
    for (bits, text) in GOLDEN {
        let inst = decode(*bits).unwrap_or_else(|| panic!("{bits:#010x} is an instruction: {text}"));
        assert_eq!(inst.to_string(), *text, "{bits:#010x}");
    }
}

#[test]
fn a_branch_at_an_address_leads_to_one() {
    let text = |bits, pc| decode(bits).map(|inst| inst.at(pc).to_string());
    assert_eq!(text(0xff1f_f06f, 0x8020_0010).as_deref(), Some("j 80200000"));
    assert_eq!(text(0xfd6d, 4).as_deref(), Some("bnez a0,fffffffffffffffe"));
    assert_eq!(text(0x4505, 4).as_deref(), Some("li a0,1"));
}

# SPDX-License-Identifier: GPL-2.0
# Sourced after scripts/common.sh: read a topology, which is a file of
# lab/topologies/, or any other that is named with its path.
#
# The file is a shell fragment. Its comments that are indented by three blanks
# are its picture. It sets
#
#   devices=(...)        QEMU's arguments for it: ports, NIC (nic0), accelerator
#   ports="A B ..."      all of its ports: the analyzer listens there
#   nic_port, accel_port the ports above the two functions
#   kernel_arguments     what the guest's kernel has to be told for it
#   program=(...)        what the sample program has to be told for it
#   guest_setup          shell command to run in the guest before the program;
#                        $nic, $accel: the functions' addresses, $nic_port,
#                        $accel_port: those of the ports above them
#   expect               what becomes of the hint, one of
#                          arrives
#                          lost PORT WHY      arrives without hint
#                          blocked PORT WHY   does not arrive
#                          refused ERRNO      cannot be set
#   expect_16            the same for 16-bit tags; $expect unless set
#   expect_path          the ports that writes into the accelerator pass; rc: the
#                        root complex
#   expect_path_16       those that writes with a 16-bit tag pass; $expect_path
#                        unless set
#   expect_address       in the NIC's requests: IOVA, bus, or translated
#
# A topology that is a variation of another sources it: base NAME.

topologies=$top/lab/topologies

topology_file() { case $1 in */*) echo "$1" ;; *) echo "$topologies/$1" ;; esac; }

base() { . "$(topology_file "$1")"; }

list_topologies() { (cd "$topologies" && ls | grep -v '\.md$'); }

is_topology() { [[ -r $(topology_file "$1") && ( $1 =~ ^[a-z0-9-]+$ || $1 == */* ) ]]; }

# Sets the variables above for topology $1.
load_topology()
{
	is_topology "$1" || die "no topology $1; there are: $(list_topologies | xargs)"
	devices=() ports='' nic_port='' accel_port='' kernel_arguments='' program=()
	guest_setup='' expect='' expect_16='' expect_path='' expect_path_16=''
	expect_address=''
	base "$1"
	expect_16=${expect_16:-$expect} expect_path_16=${expect_path_16:-$expect_path}
}

# The picture of topology $1.
picture() { sed -n 's/^#   /  /p' "$(topology_file "$1")"; }

//! What routers and switches know of a packet.

use crate::sflow::structure::structure;

structure! {
    /// Where a packet was routed to (sFlow v5 §5, `extended_router`).
    Router = "router" {
        next_hop Address "nextHop" "the next router";
        source_mask Gauge32 "srcSubnetMask" "bits of the prefix that the source is in";
        destination_mask Gauge32 "dstSubnetMask" "bits of the prefix that the destination is in";
    }
}

structure! {
    /// What BGP says of a packet (sFlow v5 §5, `extended_gateway`).
    Gateway<'a> = "gateway" {
        next_hop Address "bgp_nexthop" "the border router";
        autonomous_system Gauge32 "my_as" "of the router";
        source_as Gauge32 "src_as" "of the source";
        source_peer_as Gauge32 "src_peer_as" "the neighbour towards the source";
        path Path "dst_as_path" "to the destination";
        communities Numbers "BGP_communities" "of the route";
        local_preference Gauge32 "BGP_localpref" "of the route";
    }
}

structure! {
    /// Who sent a packet, and to whom (sFlow v5 §5, `extended_user`).
    User<'a> = "user" {
        source_charset Gauge32 "src_user_charset" "MIBEnum; 106 is UTF-8";
        source Text "src_user" "who sent it";
        destination_charset Gauge32 "dst_user_charset" "MIBEnum";
        destination Text "dst_user" "who receives it";
    }
}

structure! {
    /// What a packet asks for (sFlow v5 §5, `extended_url`, deprecated).
    Url<'a> = "URL" {
        direction Gauge32 "url_direction" "1 of the source, 2 of the destination";
        url Text "url" "the request line";
        host Text "host" "the field of the request";
    }
}

structure! {
    /// How a packet was switched by labels (sFlow v5 §5, `extended_mpls`).
    Mpls<'a> = "MPLS" {
        next_hop Address "mpls_nexthop" "the next router";
        stack_in Labels "mpls_input_stack" "of the packet as it came";
        stack_out Labels "mpls_output_stack" "of the packet as it left";
    }
}

structure! {
    /// What addresses were translated to (sFlow v5 §5, `extended_nat`).
    Nat = "NAT addresses" {
        source Address "nat_src" "from whom";
        destination Address "nat_dst" "to whom";
    }
}

structure! {
    /// What ports were translated to (sFlow NAT Port Structure, `extended_nat_port`).
    NatPort = "NAT ports" {
        source Gauge32 "nat_src_port" "from which port";
        destination Gauge32 "nat_dst_port" "to which port";
    }
}

structure! {
    /// An MPLS tunnel (sFlow v5 §5, `extended_mpls_tunnel`).
    MplsTunnel<'a> = "MPLS tunnel" {
        name Text "mpls_tunnel_lsp_name" "its name";
        id Gauge32 "mpls_tunnel_id" "its number";
        cos Gauge32 "mpls_tunnel_cos" "class of service";
    }
}

structure! {
    /// An MPLS virtual circuit (sFlow v5 §5, `extended_mpls_vc`).
    MplsVc<'a> = "MPLS virtual circuit" {
        name Text "mpls_vc_name" "its name";
        id Gauge32 "mpls_vll_vc_id" "its number";
        cos Gauge32 "mpls_vc_cos" "class of service";
    }
}

structure! {
    /// How a packet came to its labels (sFlow v5 §5, `extended_mpls_FTN`; MPLS-FTN-STD-MIB).
    MplsFtn<'a> = "MPLS FTN" {
        description Text "mpls_ftn_descr" "of the entry";
        mask Gauge32 "mpls_ftn_mask" "what was looked at";
    }
}

structure! {
    /// A forwarding equivalence class (sFlow v5 §5, `extended_mpls_LDP_FEC`; MPLS-LDP-STD-MIB).
    MplsLdpFec = "MPLS LDP FEC" {
        prefix_length Gauge32 "mpls_fec_addr_prefix_len" "bits";
    }
}

structure! {
    /// Tags that were taken off before sampling (sFlow v5 §5, `extended_vlantunnel`).
    VlanTunnel<'a> = "VLAN tunnel" {
        tags Tags "vlan_tunnel" "the tags";
    }
}

structure! {
    /// The tags of a packet as it came (proposed, `extended_vlanin`).
    VlanIn<'a> = "VLAN stack in" {
        tags Tags "vlan_in" "the tags";
    }
}

structure! {
    /// The tags of a packet as it left (proposed, `extended_vlanout`).
    VlanOut<'a> = "VLAN stack out" {
        tags Tags "vlan_out" "the tags";
    }
}

structure! {
    /// Where the inner packet begins (sFlow Tunnel Structures, `extended_decapsulate_egress`, `…_ingress`).
    Decapsulate = "decapsulate" {
        inner_offset Gauge32 "decap_inner_header_offset" "bytes from the start of the sampled header";
    }
}

structure! {
    /// A virtual network (sFlow Tunnel Structures, `extended_vni_egress`, `…_ingress`).
    Vni = "VNI" {
        vni Gauge32 "VNI" "its number";
    }
}

package storagenode

import "strings"

// shortIDLength is how much of an unknown satellite's id is shown as its name.
const shortIDLength = 12

// knownSatellites are the satellites that Storj runs, by id. Their hosts are
// needed where the node names a satellite by address only: /api/sno/satellites
// gives no id, and a satellite never contacted is nowhere else.
var knownSatellites = []struct{ id, name, host string }{
	{"121RTSDpyNZVcEU84Ticf2L1ntiuUimbWgfATz21tuvgk3vzoA6", "ap1", "ap1.storj.io"},
	{"12EayRS2V1kEsWESU9QMRseFhdxYxKicsiFmxrsLZHeLUtdps3S", "us1", "us1.storj.io"},
	{"12L9ZFwhzVpuEKMUNUqkaTLGzwY9G24tbiigLiXpmZWKwmcNDDs", "eu1", "eu1.storj.io"},
	{"1wFTAgs9DP5RSnCqKV1eLf6N9wtk4EAtmN5DpSxcs8EjT69tGE", "saltlake", "saltlake.tardigrade.io"},
}

// SatelliteName is the short name of a satellite: ap1, us1, eu1 or saltlake,
// else the first 12 characters of its id.
func SatelliteName(id string) string {
	for _, known := range knownSatellites {
		if known.id == id {
			return known.name
		}
	}
	if len(id) > shortIDLength {
		return id[:shortIDLength]
	}
	return id
}

// satelliteNameOf names a satellite that may be known by its address only.
func satelliteNameOf(id, address string) string {
	if id != "" {
		return SatelliteName(id)
	}
	host, _, _ := strings.Cut(address, ":")
	for _, known := range knownSatellites {
		if known.host == host {
			return known.name
		}
	}
	return address
}

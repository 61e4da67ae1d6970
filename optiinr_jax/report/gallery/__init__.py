"""What networks make of a signal, as suits its kind: one file and one row a kind."""

from optiinr_jax.report.gallery import audio, image, slices, volume
from optiinr_jax.report.gallery.records import Gallery as Gallery
from optiinr_jax.report.gallery.records import Rival as Rival
from optiinr_jax.report.gallery.records import Row as Row

# kind of signal -> how it is shown
GALLERIES: dict[str, Row] = {
    "image": image.ROW,
    "audio": audio.ROW,
    "volume": volume.ROW,
    "field": slices.ROW,
    "video": slices.ROW,
    "points": slices.ROW,
}

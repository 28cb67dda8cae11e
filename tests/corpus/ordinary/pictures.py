"""Pictures: by Pillow and ImageMagick, and as cameras and telephones put them together."""

import io
import random
import struct

from PIL import Image, ImageCms, ImageDraw, PngImagePlugin
from pillow_heif import register_heif_opener

from kit import folder, run

FILM = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=15", "-t", "1", "-pix_fmt", "yuv420p"]


def scene(width=400, height=300, mode="RGB", shift=0):
    """Something like a photograph: a sky, a sea, noise."""
    noise = random.Random(shift)
    picture = Image.new("RGB", (width, height))
    picture.putdata(
        [
            ((x + shift) % 256, (y * 2 + noise.randrange(24)) % 256, 160 + noise.randrange(60))
            for y in range(height)
            for x in range(width)
        ]
    )
    ImageDraw.Draw(picture).text((20, 20), "Harbour", fill="white")
    return picture.convert(mode)


def bytes_of(picture, kind, **options):
    held = io.BytesIO()
    picture.save(held, kind, **options)
    return held.getvalue()


def exif_with_thumbnail(thumbnail):
    """EXIF as cameras write it: the camera, and in a second directory a small JPEG."""
    def entry(tag, kind, count, value):
        return struct.pack("<HHII", tag, kind, count, value)

    maker = b"Canon\0"
    first = 8
    second = first + 2 + 12 * 2 + 4
    behind = second + 2 + 12 * 3 + 4
    return b"".join(
        [
            b"Exif\0\0II*\0",
            struct.pack("<I", first),
            struct.pack("<H", 2),
            entry(0x010F, 2, len(maker), behind),
            entry(0x0112, 3, 1, 1),
            struct.pack("<I", second),
            struct.pack("<H", 3),
            entry(0x0103, 3, 1, 6),
            entry(0x0201, 4, 1, behind + len(maker)),
            entry(0x0202, 4, 1, len(thumbnail)),
            struct.pack("<I", 0),
            maker,
            thumbnail,
        ]
    )


def jpegs(made):
    rgb = scene()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = bytes_of(rgb, "JPEG", quality=85)
    thumbnail = bytes_of(rgb.resize((160, 120)), "JPEG")
    film = run("ffmpeg", "-v", "error", *FILM, "-f", "mp4", "-movflags", "frag_keyframe+empty_moov", "pipe:1")
    held = io.BytesIO()
    rgb.save(held, "MPO", save_all=True, append_images=[scene(shift=40)])
    two = held.getvalue()
    xmp = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    seft = b"\0\0\1\x0a\x0e\0\0\0Image_UTC_Data1768554000000SEFH\x6b\0\0\0\1\0\0\0\0\0\1\x0a\x23\0\0\0\x23\0\0\0\x18\0\0\0SEFT"
    files = {
        "photo.jpg": plain,
        "photo.jpeg": bytes_of(rgb, "JPEG", progressive=True, optimize=True),
        "photo.jfif": plain,
        "photo-grey.jpg": bytes_of(scene(mode="L"), "JPEG"),
        "photo-cmyk.jpg": bytes_of(scene(mode="CMYK"), "JPEG"),
        "photo-restarts.jpg": bytes_of(rgb, "JPEG", restart_marker_blocks=4),
        "photo-444.jpg": bytes_of(rgb, "JPEG", subsampling=0, dpi=(300, 300)),
        "photo-profile.jpg": bytes_of(rgb, "JPEG", icc_profile=profile),
        "photo-xmp.jpg": bytes_of(rgb, "JPEG", xmp=xmp, comment="Harbour, 8 a.m."),
        "photo-camera.jpg": bytes_of(rgb, "JPEG", exif=exif_with_thumbnail(thumbnail)),
        "photo-two-pictures.jpg": two,
        "photo-three-pictures.jpg": two + thumbnail,
        "photo-padded.jpg": plain + bytes(4096),
        "photo-motion.jpg": plain + film,
        "photo-motion-samsung.jpg": plain + film + seft,
        "photo-samsung.jpg": plain + seft,
        "photo-newline-behind.jpg": plain + b"\r\n",
        "photo-large.jpg": bytes_of(rgb.resize((4000, 3000)), "JPEG", quality=60),
    }
    for name, content in files.items():
        (made / name).write_bytes(content)


def others(made):
    rgb, clear = scene(), scene(mode="RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE)
    frames = [scene(120, 90, shift=step * 16) for step in range(5)]
    small = [frame.convert("P", palette=Image.Palette.ADAPTIVE) for frame in frames]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    told = PngImagePlugin.PngInfo()
    told.add_text("Title", "The harbour")
    told.add_text("Description", "Long. " * 500, zip=True)
    told.add_itxt("Author", "Zoë", "en", "Author", zip=True)

    rgb.save(made / "picture.png")
    clear.save(made / "picture-clear.png")
    palette.save(made / "picture-palette.png", transparency=3)
    rgb.convert("1").save(made / "picture-two-colours.png")
    rgb.convert("I;16" if rgb.mode == "I" else "I").convert("I;16").save(made / "picture-16-bit-grey.png")
    rgb.save(made / "picture-text.png", pnginfo=told, icc_profile=profile, dpi=(96, 96))
    frames[0].save(made / "picture-animated.png", save_all=True, append_images=frames[1:], duration=80)

    palette.save(made / "picture.gif")
    small[0].save(made / "picture-animated.gif", save_all=True, append_images=small[1:], duration=80, loop=0, comment=b"Made at school")
    clear.convert("P").save(made / "picture-clear.gif", transparency=0)

    rgb.save(made / "picture.bmp")
    palette.save(made / "picture-palette.bmp")
    rgb.convert("1").save(made / "picture-two-colours.bmp")
    clear.save(made / "picture-clear.bmp")

    for name, options in {"raw": None, "lzw": "tiff_lzw", "deflate": "tiff_adobe_deflate", "jpeg": "jpeg", "packbits": "packbits"}.items():
        rgb.save(made / f"scan-{name}.tif", compression=options)
    rgb.convert("1").save(made / "scan-fax.tif", compression="group4")
    scene(mode="CMYK").save(made / "scan-cmyk.tiff")
    rgb.save(made / "scan-pages.tif", save_all=True, append_images=frames, compression="tiff_lzw")
    rgb.save(made / "scan-big.tif", big_tiff=True)
    rgb.save(made / "scan-profile.tif", icc_profile=profile, exif=Image.Exif())

    rgb.save(made / "picture.webp", quality=70)
    clear.save(made / "picture-lossless.webp", lossless=True, icc_profile=profile)
    frames[0].save(made / "picture-animated.webp", save_all=True, append_images=frames[1:], duration=80)

    register_heif_opener()
    rgb.save(made / "photo.heic", quality=60)
    rgb.save(made / "photo-burst.heic", save_all=True, append_images=frames, exif=exif_with_thumbnail(bytes_of(frames[0], "JPEG")))
    clear.save(made / "photo-clear.heic")

    rgb.save(made / "old.pcx")
    palette.save(made / "old-palette.pcx")


def by_imagemagick(made):
    source = made / "picture.png"
    for name, options in {
        "magick.jpg": ["-quality", "90", "-interlace", "JPEG"],
        "magick-cmyk.jpg": ["-colorspace", "CMYK"],
        "magick-16-bit.png": ["-depth", "16"],
        "magick-interlaced.png": ["-interlace", "PNG"],
        "magick.gif": ["-interlace", "GIF", "-set", "comment", "Made by ImageMagick"],
        "magick-16-bit.tif": ["-depth", "16", "-compress", "zip"],
        "magick-float.tif": ["-define", "quantum:format=floating-point", "-depth", "32"],
        "magick-tiles.tif": ["-define", "tiff:tile-geometry=128x128"],
        "magick-planes.tif": ["-interlace", "Plane"],
        "magick-msb.tif": ["-define", "tiff:endian=msb"],
        "magick.webp": ["-quality", "80"],
        "magick.psd": [],
        "magick-cmyk.psd": ["-colorspace", "CMYK"],
        "magick-16-bit.psd": ["-depth", "16", "-compress", "none"],
        "magick.pcx": [],
        "magick-palette.pcx": ["-colors", "200", "-type", "Palette"],
        "magick-two-colours.pcx": ["-monochrome"],
        "magick.bmp": [],
    }.items():
        run("convert", source, *options, made / name)
    palette = ["-colors", "200", "-type", "Palette"]
    run("convert", source, *palette, "-compress", "RLE", f"BMP3:{made / 'magick-packed.bmp'}")
    run("convert", source, *palette, f"BMP2:{made / 'magick-os2.bmp'}")
    run("convert", source, f"BMP3:{made / 'magick-three.bmp'}")
    run("convert", source, f"TIFF64:{made / 'magick-big.tif'}")
    layers = ["(", source, "-resize", "50%", ")", "(", source, "-negate", ")"]
    run("convert", source, *layers, made / "magick-layers.psd")
    run("convert", "-delay", "10", source, "(", source, "-negate", ")", made / "magick-animated.gif")
    run("ffmpeg", "-v", "error", "-i", source, made / "still.bmp")
    run("ffmpeg", "-v", "error", "-i", source, "-frames:v", "1", made / "still.jpg")
    run("ffmpeg", "-v", "error", "-i", source, made / "still.tif")
    run("gs", "-q", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pcx24b", "-g200x200", f"-sOutputFile={made / 'page.pcx'}", "-c", "showpage")
    run("gs", "-q", "-dBATCH", "-dNOPAUSE", "-sDEVICE=tiffg4", "-g800x800", f"-sOutputFile={made / 'page.tif'}", "-c", "showpage showpage")


def make(root):
    made = folder(root, "pictures")
    jpegs(made)
    others(made)
    by_imagemagick(made)

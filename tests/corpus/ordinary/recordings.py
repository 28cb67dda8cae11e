"""Audio and video: by ffmpeg, SoX, MKVToolNix and Python, some as recorders leave them."""

import aifc
import math
import struct
import wave
from concurrent.futures import ThreadPoolExecutor

from mutagen.apev2 import APEv2
from mutagen.id3 import APIC, ID3, TIT2

from kit import WORKERS, folder, run

PICTURE = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25"]
SOUND = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
AAC = ["-c:a", "aac"]

# Name, then what ffmpeg is told; two seconds of picture and sound.
FILMS = {
    "film.mp4": [*H264, *AAC],
    "film-index-first.mp4": [*H264, *AAC, "-movflags", "+faststart"],
    "film-fragmented.mp4": [*H264, *AAC, "-movflags", "frag_keyframe+empty_moov"],
    "film-dash.mp4": [*H264, *AAC, "-movflags", "+dash+frag_every_frame"],
    "film-mpeg4.mp4": ["-c:v", "mpeg4", "-c:a", "libmp3lame"],
    "film-hevc.mp4": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-tag:v", "hvc1", *AAC],
    "film-silent.mp4": [*H264, "-an"],
    "film-told.mp4": [*H264, *AAC, "-metadata", "title=The <b>harbour</b>", "-metadata", "comment=#!first"],
    "film.m4v": [*H264, *AAC, "-f", "ipod"],
    "film.mov": [*H264, *AAC],
    "film-prores.mov": ["-c:v", "prores_ks", "-c:a", "pcm_s16le"],
    "film-mjpeg.mov": ["-c:v", "mjpeg", "-c:a", "pcm_u8"],
    "film.3gp": ["-c:v", "h263", "-s", "176x144", *AAC, "-ar", "16000", "-ac", "1"],
    "film.3g2": ["-c:v", "mpeg4", "-s", "176x144", *AAC],
    "film.avi": ["-c:v", "mpeg4", "-c:a", "libmp3lame"],
    "film-mjpeg.avi": ["-c:v", "mjpeg", "-c:a", "pcm_s16le"],
    "film-raw.avi": ["-c:v", "rawvideo", "-s", "80x60", "-c:a", "pcm_u8", "-ac", "1"],
    "film-dv.avi": ["-c:v", "dvvideo", "-s", "720x576", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le", "-ar", "48000", "-ac", "2"],
    "film.mkv": [*H264, *AAC],
    "film-vp9.mkv": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"],
    "film.webm": ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libvorbis"],
    "film-live.webm": ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus", "-f", "webm", "-live", "1"],
    "film-index-first.webm": ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-cues_to_front", "1"],
    "film.wmv": ["-c:v", "wmv2", "-c:a", "wmav2"],
    "film-msmpeg4.wmv": ["-c:v", "msmpeg4", "-c:a", "wmav1", "-f", "asf"],
    "film.flv": ["-c:v", "flv", "-c:a", "libmp3lame"],
    "film-h264.flv": [*H264, *AAC],
    "film.mpg": ["-c:v", "mpeg1video", "-c:a", "mp2"],
    "film.mpeg": ["-c:v", "mpeg2video", "-c:a", "mp2", "-f", "vob"],
    "film-dvd.mpg": ["-target", "pal-dvd"],
    "film-svcd.mpg": ["-target", "pal-svcd"],
    "film-video-alone.mpg": ["-c:v", "mpeg1video", "-an", "-f", "mpeg1video"],
    "film-broadcast.mpg": ["-c:v", "mpeg2video", "-c:a", "mp2", "-f", "mpegts"],
    "film.mts": [*H264, "-c:a", "ac3", "-f", "mpegts", "-mpegts_m2ts_mode", "1"],
    "film-plain.mts": [*H264, *AAC, "-f", "mpegts", "-mpegts_m2ts_mode", "0"],
    "film-theora.ogg": ["-c:v", "libtheora", "-c:a", "libvorbis", "-f", "ogg"],
}

SOUNDS = {
    "sound.mp3": ["-c:a", "libmp3lame", "-b:a", "128k", "-metadata", "title=Étude"],
    "sound-variable.mp3": ["-c:a", "libmp3lame", "-q:a", "2", "-id3v2_version", "3", "-write_id3v1", "1"],
    "sound-bare.mp3": ["-c:a", "libmp3lame", "-write_xing", "0", "-id3v2_version", "0"],
    "sound-8-khz.mp3": ["-c:a", "libmp3lame", "-ar", "8000", "-ac", "1"],
    "sound-22-khz.mp3": ["-c:a", "libmp3lame", "-ar", "22050", "-b:a", "32k"],
    "sound-320.mp3": ["-c:a", "libmp3lame", "-ar", "48000", "-b:a", "320k", "-ac", "2"],
    "sound-layer-2.mp3": ["-c:a", "mp2", "-f", "mp2"],
    "sound.aac": ["-c:a", "aac"],
    "sound-tagged.aac": ["-c:a", "aac", "-write_id3v2", "1", "-metadata", "title=Étude"],
    "sound.m4a": ["-c:a", "aac"],
    "sound-alac.m4a": ["-c:a", "alac"],
    "sound-index-first.m4a": ["-c:a", "aac", "-movflags", "+faststart"],
    "sound.m4b": ["-c:a", "aac", "-f", "ipod"],
    "sound-boxes.aac": ["-c:a", "aac", "-f", "mp4"],
    "sound-boxes.3ga": ["-c:a", "aac", "-ar", "16000", "-f", "3gp"],
    "sound.wav": ["-c:a", "pcm_s16le", "-metadata", "title=Étude"],
    "sound-24-bit.wav": ["-c:a", "pcm_s24le"],
    "sound-float.wav": ["-c:a", "pcm_f32le"],
    "sound-8-bit.wav": ["-c:a", "pcm_u8", "-ar", "11025"],
    "sound-telephone.wav": ["-c:a", "pcm_alaw", "-ar", "8000"],
    "sound-adpcm.wav": ["-c:a", "adpcm_ms"],
    "sound-broadcast.wav": ["-c:a", "pcm_s16le", "-write_bext", "1", "-metadata", "description=Harbour"],
    "sound-long.wav": ["-c:a", "pcm_s16le", "-rf64", "always"],
    "sound.aiff": ["-c:a", "pcm_s16be"],
    "sound-little.aiff": ["-c:a", "pcm_s16le"],
    "sound-tagged.aiff": ["-c:a", "pcm_s24be", "-write_id3v2", "1", "-metadata", "title=Étude"],
    "sound.ogg": ["-c:a", "libvorbis", "-metadata", "title=Étude"],
    "sound-opus.ogg": ["-c:a", "libopus", "-f", "ogg"],
    "sound-flac.ogg": ["-c:a", "flac", "-f", "ogg"],
}

# Written to a pipe: lengths stay open, as in a recording that was not closed.
PIPED = {
    "film-piped.mkv": [*H264, *AAC, "-f", "matroska"],
    "film-piped.webm": ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-f", "webm"],
    "film-piped.avi": ["-c:v", "mpeg4", "-c:a", "libmp3lame", "-f", "avi"],
    "film-piped.flv": ["-c:v", "flv", "-c:a", "libmp3lame", "-f", "flv"],
    "film-piped.wmv": ["-c:v", "wmv2", "-c:a", "wmav2", "-f", "asf"],
    "film-piped.mpg": ["-c:v", "mpeg2video", "-c:a", "mp2", "-f", "vob"],
    "sound-piped.wav": ["-vn", "-c:a", "pcm_s16le", "-f", "wav"],
    "sound-piped.aiff": ["-vn", "-c:a", "pcm_s16be", "-f", "aiff"],
    "sound-piped.mp3": ["-vn", "-c:a", "libmp3lame", "-f", "mp3"],
    "sound-piped.ogg": ["-vn", "-c:a", "libvorbis", "-f", "ogg"],
}


def ffmpeg(*arguments):
    return run("ffmpeg", "-v", "error", "-y", *arguments)


def by_sox(made):
    def sox(*arguments, sound=("synth", "2", "sine", "440")):
        run("sox", "-n", *arguments, *sound)

    sox("-r", "8000", "-c", "1", "-t", "amr-nb", made / "speech.amr")
    # No free program writes the wide form: two seconds of frames of 12.65 kbit/s.
    (made / "speech-wide.amr").write_bytes(b"#!AMR-WB\n" + (b"\x14" + bytes(32)) * 100)
    sox("-r", "8000", "-c", "1", "-t", "amr-nb", made / "speech.3ga")
    sox("-r", "44100", "-b", "24", made / "sox.wav")
    sox("-r", "11025", "-c", "1", "-e", "ima-adpcm", made / "sox-ima.wav")
    sox("-r", "44100", made / "sox.aiff")
    sox("-r", "44100", made / "sox.ogg")
    sox("-r", "44100", "-C", "160", made / "sox.mp3")
    sox("-r", "8000", "-c", "1", "-b", "8", made / "sox-odd.wav", sound=("trim", "0", "8001s"))


def by_mkvtoolnix(made, pictures):
    film = made / "film.mkv"
    run("mkvmerge", "-q", "-o", made / "merged.mkv", "--title", "Harbour", film)
    cover = ["--attachment-mime-type", "image/jpeg", "--attachment-name", "cover.jpg", "--attach-file", pictures / "photo.jpg"]
    run("mkvmerge", "-q", "-o", made / "merged-cover.mkv", *cover, film)
    run("mkvmerge", "-q", "--webm", "-o", made / "merged.webm", made / "film.webm")
    run("mkvmerge", "-q", "-o", made / "merged-live.mkv", "--disable-lacing", "--clusters-in-meta-seek", "--no-cues", film)


def by_python(made, pictures):
    samples = [int(12000 * math.sin(step / 16)) for step in range(22051)]
    with wave.open(str(made / "python.wav"), "wb") as sound:
        sound.setparams((1, 2, 22050, 0, "NONE", ""))
        sound.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    # An odd number of bytes, which is left so.
    with wave.open(str(made / "python-odd.wav"), "wb") as sound:
        sound.setparams((1, 1, 22050, 0, "NONE", ""))
        sound.writeframes(bytes(128 + sample // 256 for sample in samples))
    with aifc.open(str(made / "python.aiff"), "wb") as sound:
        sound.setparams((1, 2, 22050, 0, b"NONE", b"not compressed"))
        sound.writeframes(struct.pack(f">{len(samples)}h", *samples))

    plain = (made / "sound-bare.mp3").read_bytes()
    (made / "sound-cover.mp3").write_bytes(plain)
    tags = ID3()
    tags.add(TIT2(encoding=3, text="Étude"))
    tags.add(APIC(encoding=3, mime="image/jpeg", type=3, data=(pictures / "photo.jpg").read_bytes()))
    tags.save(made / "sound-cover.mp3", v1=2)
    (made / "sound-ape.mp3").write_bytes(plain)
    tags = APEv2()
    tags["Title"] = "Étude"
    tags.save(made / "sound-ape.mp3")


def as_recorders_leave_them(made):
    """A last packet that is cut, zeros up to the size that was reserved, a gap."""
    def content(name):
        return (made / name).read_bytes()

    for name, bytes_ in {
        "broken-off.mkv": content("film-piped.mkv")[:-3000],
        "broken-off.webm": content("film-live.webm")[:-900],
        "broken-off.mts": content("film.mts")[:-100],
        "broken-off.mp3": content("sound.mp3")[:-150],
        "broken-off.aac": content("sound.aac")[:-50],
        "broken-off.amr": content("speech.amr")[:-9],
        "broken-off.ogg": content("sound-piped.ogg")[:-300],
        "broken-off.flv": content("film.flv")[:-100],
        "broken-off.mpg": content("film.mpg")[:-500],
        "broken-off-piped.wav": content("sound-piped.wav")[:-333],
        "reserved.mp4": content("film.mp4") + bytes(100_000),
        "reserved.wav": content("sound.wav") + bytes(10_000),
        "reserved.mts": content("film.mts") + bytes(192 * 20),
        "gap.mts": content("film-plain.mts")[:18_800] + content("film-plain.mts")[18_900:],
        "gap.mp3": content("sound-bare.mp3")[:5_000] + content("sound-bare.mp3")[5_100:],
        "two-behind-each-other.mp3": content("sound.mp3") + content("sound-variable.mp3"),
        "two-behind-each-other.mpg": content("film.mpg") + content("film.mpg"),
        "two-behind-each-other.ogg": content("sound.ogg") + content("sound.ogg"),
    }.items():
        (made / name).write_bytes(bytes_)


def make(root):
    made = folder(root, "recordings")
    pictures = root / "pictures"
    short = ["-t", "2"]
    with ThreadPoolExecutor(WORKERS) as pool:
        tasks = [pool.submit(ffmpeg, *PICTURE, *SOUND, *short, *told, made / name) for name, told in FILMS.items()]
        tasks += [pool.submit(ffmpeg, *SOUND, *short, *told, made / name) for name, told in SOUNDS.items()]
        for name, told in PIPED.items():
            task = pool.submit(ffmpeg, *PICTURE, *SOUND, *short, *told, "pipe:1")
            task.add_done_callback(lambda done, name=name: (made / name).write_bytes(done.result()))
            tasks.append(task)
        for task in tasks:
            task.result()
    by_sox(made)
    ffmpeg("-i", made / "speech.amr", "-c", "copy", "-f", "3gp", made / "speech-boxes.3ga")
    by_mkvtoolnix(made, pictures)
    by_python(made, pictures)
    as_recorders_leave_them(made)

"""DiffusionTalker's teacher and the controls that its paper leaves out. All hear with the frozen encoder."""

from __future__ import annotations

from privtalk.methods.speech_3d.diffusiontalker import DiffusionTalker


class Teacher(DiffusionTalker):
    """The 16-step teacher, as published: personaliser, no enhancer. With fewer steps it is the undistilled control."""

    name = "teacher"
    about = "DiffusionTalker's teacher; at fewer steps than 16 the control of distillation"
    small = False

    class Options(DiffusionTalker.Options):
        """The parts of a teacher."""

        enhancer: bool = False
        distillation: bool = False


class EnhancedTeacher(Teacher):
    """The teacher with the student's enhancer: the control without which the paper's claim cannot be judged."""

    name = "teacher_enhanced"
    about = "the teacher with the enhancer that only the student has in the paper"
    source = ""

    class Options(DiffusionTalker.Options):
        """The parts of a teacher with an enhancer."""

        enhancer: bool = True
        distillation: bool = False


class Scratch(DiffusionTalker):
    """The student's network at two steps, trained on the corpus alone."""

    name = "scratch"
    about = "the student's network trained from scratch at two steps"
    source = ""

    class Options(DiffusionTalker.Options):
        """The parts of a student without a teacher."""

        distillation: bool = False
